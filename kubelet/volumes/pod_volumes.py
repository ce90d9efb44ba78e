"""The volumes of one pod: made, kept current while their sources change, taken away.

Whatever is filled from the API lives in memory (`Paths.memory`); emptyDirs live in the pod's folder.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from api.errors import StatusError
from api.types import ConfigMap, Pod, ProjectedVolumeSource, Secret, ServiceAccountTokenProjection, Volume
from cluster import kernel_mounts
from cluster.logs import get_logger
from kubelet.containers.fields import PodFacts
from kubelet.file_errors import file_error_text
from kubelet.objects import Kind, ObjectCache
from kubelet.paths import Paths
from kubelet.removal import remove_tree
from kubelet.volumes import atomic, empty_dir, host_path, nfs, payload
from kubelet.volumes.failure import VolumeFailure
from kubelet.volumes.image import ImageVolumes
from kubelet.volumes.payload import Payload
from kubelet.volumes.persistent import PersistentVolumes
from kubelet.volumes.tokens import Token, Tokens

REFRESH_RETRY_SECONDS = 10.0
# How often drivers that ask for it publish a volume again (upstream: with each sync of the pod).
REPUBLISH_SECONDS = 60.0

log = get_logger()


class MountFailure(Exception):
    """Some volumes could not be made; (volume name, why) of each."""

    def __init__(self, failures: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in failures))
        self.failures = failures


@dataclass(frozen=True, slots=True)
class VolumeServices:
    """What the volumes of all pods share."""

    paths: Paths
    objects: ObjectCache
    tokens: Tokens
    persistent: PersistentVolumes
    images: ImageVolumes


class PodVolumes:
    """`places` maps a volume's name to its path once mounted. `facts` tells what downward-API files may show."""

    def __init__(self, pod: Pod, services: VolumeServices, facts: Callable[[], PodFacts]) -> None:
        self._pod = pod
        self._services = services
        self._facts = facts
        self._tokens: dict[tuple[str, str], Token] = {}
        self._subscribed: list[tuple[Kind, str, Callable[[], None]]] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stale: set[str] = set()
        self._refresher: asyncio.Task[None] | None = None
        self.places: dict[str, Path] = {}

    async def mount(self) -> None:
        """Make every volume that is not there yet. Raises MountFailure."""
        wanted = [volume for volume in self._pod.spec.volumes if volume.name not in self.places]
        results = await asyncio.gather(*(self._set_up(volume) for volume in wanted), return_exceptions=True)
        failures = []
        for volume, result in zip(wanted, results, strict=True):
            if isinstance(result, Path):
                self.places[volume.name] = result
                self._keep_current(volume)
            elif isinstance(result, VolumeFailure):
                failures.append((volume.name, str(result)))
            elif isinstance(result, StatusError):
                failures.append((volume.name, result.message))
            elif isinstance(result, OSError):
                failures.append((volume.name, file_error_text(result)))
            else:
                raise result
        if failures:
            raise MountFailure(failures)

    def pod_changed(self, pod: Pod) -> None:
        """Labels, annotations and resources may show in downward-API files."""
        before, self._pod = self._pod, pod
        if _shown(before) == _shown(pod):
            return
        for volume in pod.spec.volumes:
            if volume.name in self.places and _shows_pod(volume):
                self._refresh(volume.name)

    def stop_following(self) -> None:
        """Follow the sources no more: once the pod's object is gone, this node may not read them."""
        for kind, name, changed in self._subscribed:
            self._services.objects.unsubscribe(kind, self._pod.metadata.namespace, name, changed)
        self._subscribed.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._stale.clear()

    async def close(self) -> None:
        """Stop following the sources, and what was begun for it; the volumes stay."""
        self.stop_following()
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.wait([self._refresher])
            self._refresher = None

    async def unmount(self) -> None:
        """Take all volumes away. Raises MountFailure, OSError; may be called again then."""
        await self.close()
        self.places.clear()
        await take_away(self._services, self._pod.metadata.uid)

    async def _set_up(self, volume: Volume) -> Path:
        uid, paths = self._pod.metadata.uid, self._services.paths
        if volume.empty_dir is not None:
            place = paths.volume(uid, "empty-dir", volume.name)
            empty_dir.set_up(place, volume.empty_dir, self._pod)
            return place
        if volume.host_path is not None:
            return host_path.set_up(volume.host_path)
        if self._services.persistent.serves(volume):
            return await self._services.persistent.mount(self._pod, volume)
        if volume.image is not None:
            place = paths.volume(uid, "image", volume.name)
            await self._services.images.mount(self._pod, volume.name, volume.image, place)
            return place
        if volume.nfs is not None:
            place = paths.volume(uid, "nfs", volume.name)
            await nfs.mount(volume.nfs, place)
            return place
        return await self._fill(volume)

    async def _fill(self, volume: Volume) -> Path:
        """Bring a volume that is made of files up to date."""
        place = self._services.paths.memory_volume(self._pod.metadata.uid, volume.name)
        context = self._pod.spec.security_context
        group = context.fs_group if context is not None else None
        files = await self._files(volume)
        atomic.write(place, files, group, time.time())
        return place

    async def _renew(self, volume: Volume) -> None:
        if self._services.persistent.serves(volume):
            await self._services.persistent.mount(self._pod, volume)
        else:
            await self._fill(volume)

    async def _files(self, volume: Volume) -> Payload:
        if (config_map := volume.config_map) is not None:
            found = await self._config_map(config_map.name)
            optional = bool(config_map.optional)
            return payload.config_map_files(
                config_map.name, found, config_map.items, config_map.default_mode, optional=optional
            )
        if (secret := volume.secret) is not None:
            held, optional = await self._secret(secret.secret_name), bool(secret.optional)
            return payload.secret_files(secret.secret_name, held, secret.items, secret.default_mode, optional=optional)
        if (downward := volume.downward_api) is not None:
            return payload.downward_files(self._pod, downward.items, downward.default_mode, self._facts())
        if volume.projected is not None:
            return await self._projected(volume.name, volume.projected)
        raise VolumeFailure("this kind of volume is not supported by this node")

    async def _projected(self, name: str, source: ProjectedVolumeSource) -> Payload:
        files: Payload = {}
        mode = source.default_mode
        for part in source.sources:
            if (token := part.service_account_token) is not None:
                files[token.path] = payload.token_file(await self._token(name, token), mode, self._pod)
            elif (config_map := part.config_map) is not None:
                found, optional = await self._config_map(config_map.name), bool(config_map.optional)
                files |= payload.config_map_files(config_map.name, found, config_map.items, mode, optional=optional)
            elif (secret := part.secret) is not None:
                held, optional = await self._secret(secret.name), bool(secret.optional)
                files |= payload.secret_files(secret.name, held, secret.items, mode, optional=optional)
            elif (downward := part.downward_api) is not None:
                files |= payload.downward_files(self._pod, downward.items, mode, self._facts())
            else:
                raise VolumeFailure("this kind of projected source is not supported by this node")
        return files

    async def _config_map(self, name: str) -> ConfigMap | None:
        found = await self._services.objects.get(ConfigMap, self._pod.metadata.namespace, name)
        return found if isinstance(found, ConfigMap) else None

    async def _secret(self, name: str) -> Secret | None:
        found = await self._services.objects.get(Secret, self._pod.metadata.namespace, name)
        return found if isinstance(found, Secret) else None

    async def _token(self, volume: str, projection: ServiceAccountTokenProjection) -> str:
        key, now = (volume, projection.path), time.time()
        token = self._tokens.get(key)
        if token is None or token.refresh_at <= now:
            token = self._tokens[key] = await self._services.tokens.request(self._pod, projection, now)
        return token.text

    def _keep_current(self, volume: Volume) -> None:
        for kind, name in set(_references(volume)):
            self._subscribe(kind, name, volume.name)
        self._schedule(volume.name)

    def _subscribe(self, kind: Kind, name: str, volume: str) -> None:
        def changed() -> None:
            self._refresh(volume)

        self._services.objects.subscribe(kind, self._pod.metadata.namespace, name, changed)
        self._subscribed.append((kind, name, changed))

    def _schedule(self, volume: str) -> None:
        due = [token.refresh_at for (name, _), token in self._tokens.items() if name == volume]
        if self._services.persistent.is_republished(self._pod.metadata.uid, volume):
            due.append(time.time() + REPUBLISH_SECONDS)
        if due:
            delay = max(min(due) - time.time(), 1.0)
            self._timers[volume] = asyncio.get_running_loop().call_later(delay, self._refresh, volume)

    def _refresh(self, volume: str) -> None:
        self._stale.add(volume)
        if self._refresher is None or self._refresher.done():
            name = f"refresh-volumes-{self._pod.metadata.name}"
            self._refresher = asyncio.create_task(self._refresh_stale(), name=name)

    async def _refresh_stale(self) -> None:
        while self._stale:
            name = self._stale.pop()
            volume = next((volume for volume in self._pod.spec.volumes if volume.name == name), None)
            if volume is None:
                continue
            try:
                await self._renew(volume)
                self._schedule(name)
            except Exception as error:
                pod = f"{self._pod.metadata.namespace}/{self._pod.metadata.name}"
                expected = isinstance(error, (VolumeFailure, StatusError, OSError))
                tell = log.warning if expected else log.exception
                tell("could not refresh a volume", pod=pod, volume=name, reason=str(error))
                self._stale.add(name)
                await asyncio.sleep(REFRESH_RETRY_SECONDS)


def _references(volume: Volume) -> Iterator[tuple[Kind, str]]:
    """The ConfigMaps and Secrets a volume shows."""
    if volume.config_map is not None:
        yield ConfigMap, volume.config_map.name
    if volume.secret is not None:
        yield Secret, volume.secret.secret_name
    for part in volume.projected.sources if volume.projected is not None else ():
        if part.config_map is not None:
            yield ConfigMap, part.config_map.name
        if part.secret is not None:
            yield Secret, part.secret.name


def _shown(pod: Pod) -> tuple[object, ...]:
    """What may change of a pod and be shown."""
    resources = [container.resources for container in (*pod.spec.containers, *pod.spec.init_containers)]
    return pod.metadata.labels, pod.metadata.annotations, resources


def _shows_pod(volume: Volume) -> bool:
    if volume.downward_api is not None:
        return True
    return volume.projected is not None and any(part.downward_api is not None for part in volume.projected.sources)


async def take_away(services: VolumeServices, uid: str) -> None:
    """Take all volumes of a pod away. Raises MountFailure, OSError; may be called again then."""
    # Sub-paths hold a driver's volumes: they go first.
    await asyncio.to_thread(kernel_mounts.unmount_under, services.paths.pod(uid) / "volume-subpaths")
    try:
        await services.persistent.unmount(uid)
    except VolumeFailure as error:
        raise MountFailure([("", str(error))]) from error
    await asyncio.to_thread(remove_volumes, services.paths, uid)


def remove_volumes(paths: Paths, uid: str) -> None:
    """Unmount and delete everything volumes of a pod left on this machine. Raises OSError."""
    pod = paths.pod(uid)
    # Sub-path mounts may show anything, a hostPath too: nothing is deleted before they are gone.
    kernel_mounts.unmount_under(pod)
    for directory in (pod / "volumes", pod / "volumeDevices", pod / "volume-subpaths", paths.memory / uid):
        remove_tree(directory)
