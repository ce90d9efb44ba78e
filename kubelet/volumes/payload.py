"""The files of ConfigMap, Secret, downward-API and projected volumes. Pure.

Source: upstream's pkg/volume/{configmap,secret,downwardapi,projected}.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.types import ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret
from kubelet.containers.fields import FieldError, PodFacts, pod_field, resource_field
from kubelet.volumes.failure import VolumeFailure

DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class File:
    """Content, permission bits and, when it shall not be root's, the owner."""

    data: bytes
    mode: int
    uid: int | None = None


Payload = dict[str, File]


def config_map_files(
    name: str, object: ConfigMap | None, items: Sequence[KeyToPath], mode: int | None, *, optional: bool
) -> Payload:
    """The files of a ConfigMap by path. Raises VolumeFailure when it or a key is missing and not optional."""
    if object is None:
        return _absent(f'configmap "{name}" not found', optional=optional)
    data = {key: text.encode("utf-8") for key, text in object.data.items()}
    data.update((key, base64.b64decode(text)) for key, text in object.binary_data.items())
    return _files(data, items, mode, "configmap references non-existent config key", optional=optional)


def secret_files(
    name: str, object: Secret | None, items: Sequence[KeyToPath], mode: int | None, *, optional: bool
) -> Payload:
    """The files of a Secret by path. Raises VolumeFailure when it or a key is missing and not optional."""
    if object is None:
        return _absent(f'secret "{name}" not found', optional=optional)
    data = {key: base64.b64decode(text) for key, text in object.data.items()}
    return _files(data, items, mode, "references non-existent secret key", optional=optional)


def _absent(message: str, *, optional: bool) -> Payload:
    if optional:
        return {}
    raise VolumeFailure(message)


def _files(
    data: Mapping[str, bytes], items: Sequence[KeyToPath], mode: int | None, complaint: str, *, optional: bool
) -> Payload:
    default = DEFAULT_MODE if mode is None else mode
    if not items:
        return {key: File(content, default) for key, content in data.items()}
    payload: Payload = {}
    for item in items:
        if item.key in data:
            payload[item.path] = File(data[item.key], default if item.mode is None else item.mode)
        elif not optional:
            raise VolumeFailure(f"{complaint}: {item.key}")
    return payload


def downward_files(pod: Pod, items: Iterable[DownwardAPIVolumeFile], mode: int | None, facts: PodFacts) -> Payload:
    """Fields of the pod as files."""
    default = DEFAULT_MODE if mode is None else mode
    payload: Payload = {}
    try:
        for item in items:
            if item.field_ref is not None:
                text = pod_field(pod, item.field_ref.field_path, facts)
            elif item.resource_field_ref is not None:
                text = resource_field(pod, item.resource_field_ref, None, facts.node_allocatable or {})
            else:
                continue
            payload[item.path] = File(text.encode("utf-8"), default if item.mode is None else item.mode)
    except FieldError as error:
        raise VolumeFailure(str(error)) from error
    return payload


def token_file(token: str, mode: int | None, pod: Pod) -> File:
    """A service-account token.

    Only the one user of all containers, or the pod's group, may read it when there is such; else `mode` says who.
    """
    default = DEFAULT_MODE if mode is None else mode
    context = pod.spec.security_context
    user = common_user(pod)
    restricted = user is not None or (context is not None and context.fs_group is not None)
    return File(token.encode(), 0o600 if restricted else default, user)


def common_user(pod: Pod) -> int | None:
    """The user every container runs as, if they state one and the same."""
    of_pod = pod.spec.security_context.run_as_user if pod.spec.security_context is not None else None
    users = set()
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        own = container.security_context.run_as_user if container.security_context is not None else None
        users.add(of_pod if own is None else own)
    return users.pop() if len(users) == 1 else None
