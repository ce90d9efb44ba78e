"""Pods: quality of service, graceful termination, ephemeral containers."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from api.errors import FieldError
from api.pod_qos import qos_class
from api.types import Pod, PodCondition, PodStatus
from api.validation import pods
from apiserver.registry.strategies import label_keys, pod_resize
from apiserver.registry.strategy import Strategy
from apiserver.registry.views import View

_FINISHED: Final = ("Succeeded", "Failed")


class PodStrategy(Strategy):
    returns_deleted = True
    graceful = True
    tracks_generation = True

    def views(self) -> dict[str, View]:
        return super().views() | {
            "ephemeralcontainers": View(self._prepare_ephemeral, self._validate_ephemeral),
            "resize": View(self._prepare_resize, self._validate_resize),
        }

    def prepare_create(self, record: Pod) -> Any:
        status = PodStatus(phase="Pending", qos_class=qos_class(record), conditions=_gated(record))
        spec = label_keys.merged(record.spec, record.metadata.labels)
        return replace(record, metadata=replace(record.metadata, generation=1), spec=spec, status=status)

    def prepare_status(self, new: Pod, old: Pod) -> Any:
        metadata = replace(new.metadata, owner_references=old.metadata.owner_references)
        status = new.status
        # The class follows from the spec, which does not change.
        if status.qos_class != old.status.qos_class:
            status = replace(status, qos_class=old.status.qos_class)
        return replace(new, spec=old.spec, metadata=metadata, status=status)

    def grace_seconds(self, record: Pod, requested: int | None) -> int:
        """Upstream's CheckGracefulDelete: what runs nowhere, or no more, ends at once."""
        if not record.spec.node_name or record.status.phase in _FINISHED:
            return 0
        seconds = requested
        if seconds is None:
            seconds = record.spec.termination_grace_period_seconds or 0
        return 1 if seconds < 0 else seconds

    def _prepare_resize(self, new: Pod, old: Pod) -> Any:
        return self.count_generation(pod_resize.prepare(new, old), old)

    def _validate_resize(self, new: Pod, old: Pod) -> list[FieldError]:
        return pod_resize.validate(new, old, qos_class(new), qos_class(old))

    def _prepare_ephemeral(self, new: Pod, old: Pod) -> Any:
        """Everything but the ephemeral containers is kept."""
        spec = replace(old.spec, ephemeral_containers=new.spec.ephemeral_containers)
        return self.count_generation(replace(old, metadata=replace(old.metadata, resource_version=""), spec=spec), old)

    def _validate_ephemeral(self, new: Pod, old: Pod) -> list[FieldError]:
        """Ephemeral containers may be added, never changed or removed (upstream)."""
        path = "spec.ephemeralContainers"
        present = {container.name: container for container in new.spec.ephemeral_containers}
        problems = []
        for container in old.spec.ephemeral_containers:
            kept = present.get(container.name)
            if kept is None:
                message = f'existing ephemeral containers "{container.name}" may not be removed\n'
                problems.append(FieldError.forbidden(path, message))
            elif kept != container:
                message = f'existing ephemeral containers "{container.name}" may not be changed\n'
                problems.append(FieldError.forbidden(path, message))
        return [*problems, *pods.check(new)]


def _gated(pod: Pod) -> list[PodCondition]:
    """What tells that a scheduling gate holds the pod back (upstream's applySchedulingGatedCondition)."""
    if not pod.spec.scheduling_gates:
        return []
    message = "Scheduling is blocked due to non-empty scheduling gates"
    return [PodCondition(type="PodScheduled", status="False", reason="SchedulingGated", message=message)]
