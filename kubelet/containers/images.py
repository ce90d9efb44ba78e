"""The image of a container, by its pull policy. Nothing is pulled: images come from this machine's store.

Events and reasons are upstream's (pkg/kubelet/images/image_manager.go); a missing image backs off as a failed
pull does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.types import Container, EphemeralContainer, Pod
from kubelet.containers.backoff import BackOff
from kubelet.containers.problem import Problem
from kubelet.runtime.base import ImageStatus, InvalidConfig, Runtime

# How soon the store is looked at again while a pull backs off: someone may load the image meanwhile.
LOOK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event about a container."""

    type: str
    reason: str
    message: str


class Images:
    """Finds images and remembers which were missing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._backoff = BackOff()
        self._missed_at: dict[tuple[str, str], float] = {}

    async def ensure(
        self,
        pod: Pod,
        container: Container | EphemeralContainer,
        now: float,
        announce: Callable[[Announcement], None],
    ) -> ImageStatus:
        """The image's status. Raises Problem when the store does not have it or the name is none."""
        image = container.image
        key = (pod.metadata.uid, image)
        try:
            status = await self._runtime.image_status(image)
        except InvalidConfig as error:
            message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {error}'
            announce(Announcement("Warning", "InspectFailed", message))
            announce(Announcement("Warning", "Failed", "Error: InvalidImageName"))
            raise Problem("InvalidImageName", message, LOOK_AGAIN_SECONDS) from error
        if status is not None:
            self._forget(key)
            announce(Announcement("Normal", "Pulled", f'Container image "{image}" already present on machine'))
            return status
        if container.image_pull_policy == "Never":
            message = f'Container image "{image}" is not present with pull policy of Never'
            announce(Announcement("Warning", "ErrImageNeverPull", message))
            announce(Announcement("Warning", "Failed", "Error: ErrImageNeverPull"))
            raise Problem("ErrImageNeverPull", message, LOOK_AGAIN_SECONDS)
        raise self._missing(key, image, now, announce)

    def _missing(
        self, key: tuple[str, str], image: str, now: float, announce: Callable[[Announcement], None]
    ) -> Problem:
        why = f'image "{image}" is not in this node\'s image store; load it with `podling image load FILE`'
        missed_at = self._missed_at.get(key)
        if missed_at is not None and self._backoff.until(key, missed_at) > now:
            text = f'Back-off pulling image "{image}"'
            announce(Announcement("Normal", "BackOff", text))
            announce(Announcement("Warning", "Failed", "Error: ImagePullBackOff"))
            return Problem("ImagePullBackOff", f"{text}: ErrImagePull: {why}", LOOK_AGAIN_SECONDS)
        self._backoff.next(key, now, now)
        self._missed_at[key] = now
        announce(Announcement("Normal", "Pulling", f'Pulling image "{image}"'))
        announce(Announcement("Warning", "Failed", f'Failed to pull image "{image}": {why}'))
        announce(Announcement("Warning", "Failed", "Error: ErrImagePull"))
        return Problem("ErrImagePull", why, LOOK_AGAIN_SECONDS)

    def forget_pod(self, uid: str) -> None:
        for key in [key for key in self._missed_at if key[0] == uid]:
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        self._missed_at.pop(key, None)
        self._backoff.reset(key)
