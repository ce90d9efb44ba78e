"""pods/resize: the one way to change what the containers of a pod that is there ask for and may use. Pure.

Source of the behaviour: upstream's podResizeStrategy and ValidatePodResize (GA in 1.35).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from api.errors import FieldError
from api.types import Container, Pod, PodSpec, ResourceRequirements
from api.validation import pods
from api.validation.spec_diff import describe

_RESIZABLE = ("cpu", "memory")


def prepare(new: Pod, old: Pod) -> Pod:
    """The old pod with resources and resize policies of the new one's containers; all else is kept."""
    metadata = replace(old.metadata, resource_version="")
    spec = replace(
        old.spec,
        containers=_taken_over(new.spec.containers, old.spec.containers),
        init_containers=_taken_over(new.spec.init_containers, old.spec.init_containers),
    )
    return replace(old, metadata=metadata, spec=spec)


def _taken_over(new: Sequence[Container], old: Sequence[Container]) -> list[Container]:
    if [container.name for container in new] != [container.name for container in old]:
        return list(new)  # for `validate` to refuse
    return [
        replace(container, resources=asked.resources, resize_policy=asked.resize_policy)
        for container, asked in zip(old, new, strict=True)
    ]


def validate(new: Pod, old: Pod, qos_of_new: str, qos_of_old: str) -> list[FieldError]:
    """What stands against the resize, in upstream's words."""
    if pods.MIRROR_ANNOTATION in old.metadata.annotations:
        return [FieldError.forbidden("", "static pods cannot be resized")]
    if new.spec.resources is not None:
        return [FieldError.forbidden("spec", "pods with pod-level resources cannot be resized")]
    problems = list(_moved(new.spec, old.spec))
    if problems:
        return problems
    problems = list(pods.check(new))
    if qos_of_new != qos_of_old:
        detail = "Pod QOS Class may not change as a result of resizing"
        problems.append(FieldError.invalid("spec", qos_of_new, detail))
    if not _supported(old):
        problems.append(FieldError.forbidden("spec", "Pod running on node without support for resize"))
    for json_name, after, before in _containers(new.spec, old.spec):
        for index, (one, other) in enumerate(zip(after, before, strict=True)):
            problems.extend(_not_removed(one.resources, other.resources, f"spec.{json_name}[{index}].resources"))
    problems.extend(_others_unchanged(new.spec, old.spec))
    return problems


def _containers(new: PodSpec, old: PodSpec) -> tuple[tuple[str, Sequence[Container], Sequence[Container]], ...]:
    return (
        ("containers", new.containers, old.containers),
        ("initContainers", new.init_containers, old.init_containers),
    )


def _moved(new: PodSpec, old: PodSpec) -> Iterable[FieldError]:
    for name, after, before in _containers(new, old):
        if len(after) != len(before):
            yield FieldError.forbidden(f"spec.{name}", f"{name} may not be added or removed on resize")
            continue
        for index, (one, other) in enumerate(zip(after, before, strict=True)):
            if one.name != other.name:
                detail = f"{name} may not be renamed or reordered on resize"
                yield FieldError.forbidden(f"spec.{name}[{index}].name", detail)


def _supported(pod: Pod) -> bool:
    """A node that can resize tells the resources of each container it runs."""
    running = (status for status in pod.status.container_statuses if status.state.running is not None)
    return all(status.resources is not None for status in running)


def _not_removed(new: ResourceRequirements, old: ResourceRequirements, path: str) -> Iterable[FieldError]:
    if old.requests.keys() - new.requests.keys():
        yield FieldError.forbidden(f"{path}.requests", "resource requests cannot be removed")
    if old.limits.keys() - new.limits.keys():
        yield FieldError.forbidden(f"{path}.limits", "resource limits cannot be removed")


def _others_unchanged(new: PodSpec, old: PodSpec) -> Iterable[FieldError]:
    """Nothing but cpu and memory may differ, and of init containers only the restartable ones may."""
    masked = replace(
        new,
        containers=[_masked(one, other) for one, other in zip(new.containers, old.containers, strict=True)],
        init_containers=[
            _masked(one, other) if other.restart_policy == "Always" else one
            for one, other in zip(new.init_containers, old.init_containers, strict=True)
        ],
    )
    if masked != old:
        detail = f"only cpu and memory resources are mutable\n{describe(old, masked, 'spec')}"
        yield FieldError.forbidden("spec", detail)


def _masked(new: Container, old: Container) -> Container:
    """The new container with the old one's cpu, memory and resize policy."""
    resources = replace(
        new.resources,
        limits=_with_old(new.resources.limits, old.resources.limits),
        requests=_with_old(new.resources.requests, old.resources.requests),
    )
    return replace(new, resources=resources, resize_policy=old.resize_policy)


def _with_old(new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
    kept = {name: amount for name, amount in new.items() if name not in _RESIZABLE}
    return kept | {name: amount for name, amount in old.items() if name in _RESIZABLE}
