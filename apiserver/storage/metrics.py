"""Storage metrics in upstream's names. Sizes are read when scraped: they cost nothing in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from apiserver.storage.cache import ResourceCache

watch_events_total: Final = Counter(
    "apiserver_watch_events_total", "Events sent to watchers", ("group", "version", "kind")
)


class _Sizes(Collector):
    def __init__(self, caches: Mapping[str, ResourceCache]) -> None:
        self._caches = caches

    def collect(self) -> Iterator[GaugeMetricFamily]:
        objects = GaugeMetricFamily("apiserver_storage_objects", "Objects stored", labels=("resource",))
        watchers = GaugeMetricFamily(
            "apiserver_registered_watchers", "Open watches", labels=("group", "version", "kind")
        )
        for name, cache in self._caches.items():
            resource = cache.resource
            objects.add_metric((name,), len(cache))
            watchers.add_metric((resource.group, resource.version, resource.kind), len(cache.watchers))
        yield objects
        yield watchers


def watch_sizes(caches: Mapping[str, ResourceCache]) -> None:
    """Report the sizes of these caches from now on."""
    REGISTRY.register(_Sizes(caches))
