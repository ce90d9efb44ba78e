"""ServiceAccount: every pod runs as an existing service account and finds its token mounted (upstream plugin)."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

from msgspec.structs import replace

from api import errors
from api.scheme import Resource
from api.types import (
    ConfigMapProjection,
    Container,
    DownwardAPIProjection,
    DownwardAPIVolumeFile,
    KeyToPath,
    ObjectFieldSelector,
    Pod,
    PodSpec,
    ProjectedVolumeSource,
    ServiceAccount,
    ServiceAccountTokenProjection,
    Volume,
    VolumeMount,
    VolumeProjection,
)
from apiserver.admission.chain import CREATE, Plugin, Request
from apiserver.storage.reader import Reader

MIRROR: Final = "kubernetes.io/config.mirror"
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
ROOT_CA: Final = "kube-root-ca.crt"
VOLUME_PREFIX: Final = "kube-api-access-"
TOKEN_SECONDS: Final = 3607
_DEFAULT: Final = "default"
_MODE: Final = 0o644
# The default account of a new namespace is made by a controller: it may be on its way.
_DEFAULT_ATTEMPTS: Final = 10
_RETRY_SECONDS: Final = 0.1
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"


class ServiceAccountPlugin(Plugin):
    """`accounts` reads service accounts."""

    def __init__(self, accounts: Reader) -> None:
        self._accounts = accounts

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == "pods" and not subresource

    async def create(self, request: Request) -> Pod:
        pod: Pod = request.new
        if MIRROR in pod.metadata.annotations:
            _check_mirror(request)
            return pod
        name = pod.spec.service_account_name or _DEFAULT
        account = await self._account(request, name)
        spec = replace(pod.spec, service_account_name=name, service_account=name)
        if not spec.image_pull_secrets and account.image_pull_secrets:
            spec = replace(spec, image_pull_secrets=account.image_pull_secrets)
        if _automounts(spec, account):
            spec = _mounted(spec)
        return replace(pod, spec=spec)

    async def _account(self, request: Request, name: str) -> ServiceAccount:
        namespace = request.namespace
        for attempt in range(_DEFAULT_ATTEMPTS if name == _DEFAULT else 1):
            if attempt:
                await asyncio.sleep(_RETRY_SECONDS)
            found = self._accounts.cache.get(namespace, name)
            if found is None:
                await self._accounts.fresh(None)
                found = self._accounts.cache.get(namespace, name)
            if found is not None:
                account: ServiceAccount = found.record
                return account
        cause = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise errors.Forbidden("pods", request.name, cause)


def _check_mirror(request: Request) -> None:
    """A mirror pod shows what a kubelet runs by itself: it may not ask for the cluster's secrets."""
    spec: PodSpec = request.new.spec
    problem = ""
    if spec.service_account_name:
        problem = "a mirror pod may not reference service accounts"
    elif any(volume.secret is not None for volume in spec.volumes):
        problem = "a mirror pod may not reference secrets"
    elif any(_projects_token(volume) for volume in spec.volumes):
        problem = "a mirror pod may not use ServiceAccountToken volume projections"
    if problem:
        raise errors.Forbidden("pods", request.name, problem)


def _projects_token(volume: Volume) -> bool:
    sources = volume.projected.sources if volume.projected is not None else []
    return any(source.service_account_token is not None for source in sources)


def _automounts(spec: PodSpec, account: ServiceAccount) -> bool:
    for wish in (spec.automount_service_account_token, account.automount_service_account_token):
        if wish is not None:
            return wish
    return True


def _mounted(spec: PodSpec) -> PodSpec:
    """The spec with the token in every container that does not mount something there itself."""
    volume = next((v.name for v in spec.volumes if v.name.startswith(VOLUME_PREFIX)), "")
    name = volume or VOLUME_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(5))
    mount = VolumeMount(name=name, mount_path=MOUNT_PATH, read_only=True)
    containers = [_with_mount(container, mount) for container in spec.containers]
    init_containers = [_with_mount(container, mount) for container in spec.init_containers]
    if containers == spec.containers and init_containers == spec.init_containers:
        return spec
    volumes = spec.volumes if volume else [*spec.volumes, _volume(name)]
    return replace(spec, containers=containers, init_containers=init_containers, volumes=volumes)


def _with_mount(container: Container, mount: VolumeMount) -> Container:
    if any(known.mount_path == MOUNT_PATH for known in container.volume_mounts):
        return container
    return replace(container, volume_mounts=[*container.volume_mounts, mount])


def _volume(name: str) -> Volume:
    token = ServiceAccountTokenProjection(path="token", expiration_seconds=TOKEN_SECONDS)
    authority = ConfigMapProjection(name=ROOT_CA, items=[KeyToPath(key="ca.crt", path="ca.crt")])
    namespace: Any = ObjectFieldSelector(api_version="v1", field_path="metadata.namespace")
    about = DownwardAPIProjection(items=[DownwardAPIVolumeFile(path="namespace", field_ref=namespace)])
    sources = [
        VolumeProjection(service_account_token=token),
        VolumeProjection(config_map=authority),
        VolumeProjection(downward_api=about),
    ]
    return Volume(name=name, projected=ProjectedVolumeSource(sources=sources, default_mode=_MODE))
