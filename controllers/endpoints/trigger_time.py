"""When the change happened that an endpoints object now shows: for measuring how long the network took to follow.

Source: upstream's TriggerTimeTracker. The earliest of the changes since the object was last written counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from api.types import Pod, Service
from cluster.informer import ObjectKey
from controllers.pods import condition


@dataclass(slots=True)
class _Seen:
    service: str = ""
    pods: dict[str, str] = field(default_factory=dict)


class TriggerTimes:
    """Per service, the change times (RFC 3339) last seen of it and of its pods."""

    def __init__(self) -> None:
        self._seen: dict[ObjectKey, _Seen] = {}

    def advance(self, key: ObjectKey, service: Service, pods: Iterable[Pod]) -> str:
        """The earliest change not reported before; empty when there is none."""
        before = self._seen.get(key)
        now = _Seen(
            service.metadata.creation_timestamp or "",
            {pod.metadata.uid: _changed_at(pod) for pod in pods},
        )
        self._seen[key] = now
        changes = [stamp for uid, stamp in now.pods.items() if before is None or stamp > before.pods.get(uid, "")]
        if before is None or now.service > before.service:
            changes.append(now.service)
        return min((stamp for stamp in changes if stamp), default="")

    def forget(self, key: ObjectKey) -> None:
        """The service is gone."""
        self._seen.pop(key, None)


def _changed_at(pod: Pod) -> str:
    ready = condition(pod, "Ready")
    return (ready.last_transition_time if ready is not None else None) or ""
