"""The image of a container, by its pull policy: present, pulled, or why not.

Events, reasons and texts are upstream's (pkg/kubelet/images/image_manager.go, 1.35). Differs in one thing: a name that
only this machine gave an image (built, loaded, imported; not pulled or pushed) is not asked for at a registry, which
cannot know it, whatever the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.types import Container, EphemeralContainer, Pod
from images.pull_request import Offer
from images.reference import parse
from kubelet.containers.backoff import BackOff
from kubelet.containers.problem import Problem
from kubelet.metrics import images as metrics
from kubelet.pulling.puller import PullFailure, Pulls
from kubelet.pulling.secrets import PullSecrets, UnusableSecret
from kubelet.runtime.base import ImageStatus, InvalidConfig, Runtime, RuntimeFailure

# How soon the store is looked at again while a pull backs off: someone may load the image meanwhile.
LOOK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event about a container."""

    type: str
    reason: str
    message: str


Announce = Callable[[Announcement], None]
Key = tuple[str, str]


@dataclass(slots=True)
class _Failed:
    at: float
    error: str


class Images:
    """Finds images, has them pulled, and remembers which could not be."""

    def __init__(self, runtime: Runtime, puller: Pulls, secrets: PullSecrets, clock: Callable[[], float]) -> None:
        self._runtime = runtime
        self._puller = puller
        self._secrets = secrets
        self._clock = clock
        self._backoff = BackOff()
        self._failed: dict[Key, _Failed] = {}

    async def ensure(
        self, pod: Pod, container: Container | EphemeralContainer, now: float, announce: Announce
    ) -> ImageStatus:
        """The image's status, once the container may use it. Raises Problem."""
        image, policy = container.image, container.image_pull_policy
        present = await self._inspect(image, announce)
        offers: Sequence[Offer] | None = None
        if present is not None and (policy != "Always" or not present.pulled):
            allowed, offers = await self._allowed(pod, present, image, announce)
            if allowed:
                return self._use(pod, present, image, announce)
        if policy == "Never":
            message = f'Container image "{image}" is not present with pull policy of Never'
            announce(Announcement("Warning", "ErrImageNeverPull", message))
            announce(Announcement("Warning", "Failed", "Error: ErrImageNeverPull"))
            raise Problem("ErrImageNeverPull", message, LOOK_AGAIN_SECONDS)
        return await self._pull(pod, image, offers, now, announce)

    def forget_pod(self, uid: str) -> None:
        """The pod is gone."""
        for key in [key for key in self._failed if key[0] == uid]:
            self._forget(key)

    async def _inspect(self, image: str, announce: Announce) -> ImageStatus | None:
        try:
            return await self._runtime.image_status(image)
        except InvalidConfig as error:
            message = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {error}'
            announce(Announcement("Warning", "InspectFailed", message))
            announce(Announcement("Warning", "Failed", "Error: InvalidImageName"))
            raise Problem("InvalidImageName", message, LOOK_AGAIN_SECONDS) from error
        except RuntimeFailure as error:
            message = f'Failed to inspect image "{image}": {error}'
            announce(Announcement("Warning", "InspectFailed", message))
            announce(Announcement("Warning", "Failed", "Error: ImageInspectError"))
            raise Problem("ImageInspectError", message, LOOK_AGAIN_SECONDS) from error

    async def _allowed(
        self, pod: Pod, present: ImageStatus, image: str, announce: Announce
    ) -> tuple[bool, Sequence[Offer] | None]:
        """Whether the pod may use what others pulled; and its credentials, if they had to be looked at."""
        if not present.pulled or not await self._puller.is_restricted(present.id):
            return True, None
        offers = await self._offers(pod, image, announce)
        return await self._puller.may_use(present.id, parse(image).repository, offers), offers

    async def _offers(self, pod: Pod, image: str, announce: Announce) -> Sequence[Offer]:
        def missing(names: str) -> None:
            text = (
                f"Unable to retrieve some image pull secrets ({names}); attempting to pull the image may not succeed."
            )
            announce(Announcement("Warning", "FailedToRetrieveImagePullSecret", text))

        try:
            return await self._secrets.offers(pod, parse(image).repository, missing)
        except UnusableSecret as error:
            announce(Announcement("Warning", "Failed", f'Failed to pull image "{image}": {error}'))
            announce(Announcement("Warning", "Failed", "Error: ErrImagePull"))
            raise Problem("ErrImagePull", str(error), LOOK_AGAIN_SECONDS) from error

    def _use(self, pod: Pod, present: ImageStatus, image: str, announce: Announce) -> ImageStatus:
        self._forget((pod.metadata.uid, image))
        text = f'Container image "{image}" already present on machine and can be accessed by the pod'
        announce(Announcement("Normal", "Pulled", text))
        return present

    async def _pull(
        self, pod: Pod, image: str, offers: Sequence[Offer] | None, now: float, announce: Announce
    ) -> ImageStatus:
        key = (pod.metadata.uid, image)
        self._check_backoff(key, image, now, announce)
        if offers is None:
            offers = await self._offers(pod, image, announce)
        announce(Announcement("Normal", "Pulling", f'Pulling image "{image}"'))
        began = self._clock()
        try:
            pulled = await self._puller.pull(image, offers)
            status = await self._runtime.image_status(image)
        except (PullFailure, RuntimeFailure) as error:
            raise self._failure(key, image, str(error), announce) from error
        if status is None:
            raise self._failure(key, image, "it was removed again just after it was pulled", announce)
        self._forget(key)
        seconds = self._clock() - began
        metrics.observe_pull(pulled.size_bytes, seconds)
        text = (
            f'Successfully pulled image "{image}" in {_duration(pulled.seconds)} ({_duration(seconds)} including'
            f" waiting). Image size: {pulled.size_bytes} bytes."
        )
        announce(Announcement("Normal", "Pulled", text))
        return status

    def _check_backoff(self, key: Key, image: str, now: float, announce: Announce) -> None:
        failed = self._failed.get(key)
        if failed is None or self._backoff.until(key, failed.at) <= now:
            return
        text = f'Back-off pulling image "{image}"'
        announce(Announcement("Normal", "BackOff", text))
        announce(Announcement("Warning", "Failed", "Error: ImagePullBackOff"))
        raise Problem("ImagePullBackOff", f"{text}: ErrImagePull: {failed.error}", LOOK_AGAIN_SECONDS)

    def _failure(self, key: Key, image: str, error: str, announce: Announce) -> Problem:
        now = self._clock()
        self._backoff.next(key, now, now)
        self._failed[key] = _Failed(now, error)
        metrics.pull_errors.inc()
        announce(Announcement("Warning", "Failed", f'Failed to pull image "{image}": {error}'))
        announce(Announcement("Warning", "Failed", "Error: ErrImagePull"))
        return Problem("ErrImagePull", error, LOOK_AGAIN_SECONDS)

    def _forget(self, key: Key) -> None:
        self._failed.pop(key, None)
        self._backoff.reset(key)


def _duration(seconds: float) -> str:
    """As Go prints a duration that was cut to milliseconds: `87ms`, `1.25s`, `2m3.5s`."""
    milliseconds = int(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + text
