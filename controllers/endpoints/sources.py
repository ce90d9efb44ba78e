"""Finding the services that a pod's change concerns."""

from __future__ import annotations

from collections.abc import Callable

from api.types import Pod, Service
from cluster.informer import ObjectKey
from controllers.endpoints.backends import concerns_endpoints, selects
from controllers.mirror import Mirror, key_of


class PodWatcher:
    """Calls `changed(service key)` for each service whose endpoints a pod's change may alter."""

    def __init__(self, services: Mirror[Service], changed: Callable[[ObjectKey], None]) -> None:
        self._services = services
        self._changed = changed

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and not concerns_endpoints(old, new):
            return
        pods = [pod for pod in (old, new) if pod is not None]
        namespace = pods[0].metadata.namespace
        for service in self._services.by_index("namespace", namespace):
            if any(selects(service, pod.metadata.labels) for pod in pods):
                self._changed(key_of(service))
