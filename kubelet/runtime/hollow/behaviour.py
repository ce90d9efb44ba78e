"""How a hollow container behaves, by its pod's annotations (docs/hollow-nodes.md). Pure.

`hollow.podling.io/NAME` speaks for every container of the pod, `hollow.podling.io/NAME.CONTAINER` for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.types import Container, EphemeralContainer, Pod
from kubelet.containers.resources import container_resources, is_sidecar
from kubelet.runtime.base import InvalidConfig, Resources

PREFIX = "hollow.podling.io/"
AnyContainer = Container | EphemeralContainer
_RUN_SECONDS = f"{PREFIX}run-seconds"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a container does once it was created. Times in seconds.

    start_seconds: how long its start takes. start_error: why it cannot be started; "" when it can.
    run_seconds: when it ends by itself; None for never. exit_code: with which code, in each of its first `failures`
    runs (None: in every run). ready_seconds: how long after its start it is ready. stop_seconds: how long it takes to
    heed a request to stop.
    """

    start_seconds: float = 0.0
    start_error: str = ""
    run_seconds: float | None = None
    exit_code: int = 0
    failures: int | None = None
    ready_seconds: float = 0.0
    stop_seconds: float = 0.0

    def code_of(self, attempt: int) -> int:
        """The exit code of run `attempt`, counted from 0."""
        if self.failures is None:
            return self.exit_code
        return (self.exit_code or 1) if attempt < self.failures else 0


def annotations_of(pod: Pod, container: str) -> dict[str, str]:
    """What the pod says of a container's behaviour. An init container that says nothing ends at once: others wait."""
    said = {key: value for key, value in pod.metadata.annotations.items() if key.startswith(PREFIX)}
    if any(each.name == container and not is_sidecar(each) for each in pod.spec.init_containers):
        own = f"{_RUN_SECONDS}.{container}"
        said[own] = said.get(own, "0")
    return said


def allocated(pod: Pod, container: AnyContainer) -> Resources:
    """What the container is allowed. None of it is used, but whether it is what the pod was given is asked."""
    return container_resources(pod, container, 1)


def behaviour_of(annotations: Mapping[str, str], container: str) -> Behaviour:
    """Raises InvalidConfig for a value that is no number of its kind."""
    if not annotations:
        return _DEFAULT
    said = _Said(annotations, container)
    return Behaviour(
        start_seconds=said.seconds("start-seconds") or 0.0,
        start_error=said.text("start-error"),
        run_seconds=said.seconds("run-seconds"),
        exit_code=said.count("exit-code", 255) or 0,
        failures=said.count("failures", 2**31),
        ready_seconds=said.seconds("ready-seconds") or 0.0,
        stop_seconds=said.seconds("stop-seconds") or 0.0,
    )


_DEFAULT = Behaviour()


class _Said:
    """The annotations that concern one container."""

    def __init__(self, annotations: Mapping[str, str], container: str) -> None:
        self._annotations = annotations
        self._container = container

    def text(self, name: str) -> str:
        common = self._annotations.get(PREFIX + name, "")
        return self._annotations.get(f"{PREFIX}{name}.{self._container}", common)

    def seconds(self, name: str) -> float | None:
        text = self.text(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 2**31:
            raise InvalidConfig(f"annotation {PREFIX}{name}: {text!r} is not a number of seconds")
        return value

    def count(self, name: str, limit: int) -> int | None:
        text = self.text(name)
        if not text:
            return None
        if not text.isdecimal() or int(text) > limit:
            raise InvalidConfig(f"annotation {PREFIX}{name}: {text!r} is not a whole number from 0 to {limit}")
        return int(text)
