"""How full the volumes of claims are, in upstream's names (pkg/kubelet/metrics/collectors/volume_stats.go)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_LABELS = ("namespace", "persistentvolumeclaim")
_FIGURES = {
    "kubelet_volume_stats_capacity_bytes": "Capacity in bytes of the volume",
    "kubelet_volume_stats_available_bytes": "Number of available bytes in the volume",
    "kubelet_volume_stats_used_bytes": "Number of used bytes in the volume",
    "kubelet_volume_stats_inodes": "Maximum number of inodes in the volume",
    "kubelet_volume_stats_inodes_free": "Number of free inodes in the volume",
    "kubelet_volume_stats_inodes_used": "Number of used inodes in the volume",
}


@dataclass(frozen=True, slots=True)
class MountedClaim:
    """A claim's file system on this node."""

    namespace: str
    name: str
    path: Path


class VolumeStatistics(Collector):
    """mounted: the claims of this moment. Each is asked for its figures when the page is read."""

    def __init__(self, mounted: Callable[[], Iterable[MountedClaim]]) -> None:
        self._mounted = mounted

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = {name: GaugeMetricFamily(name, text, labels=_LABELS) for name, text in _FIGURES.items()}
        for (namespace, name), path in {(each.namespace, each.name): each.path for each in self._mounted()}.items():
            try:
                values = _figures(path)
            except OSError:
                continue  # taken away meanwhile
            for family, value in zip(families.values(), values, strict=True):
                family.add_metric((namespace, name), value)
        return iter(families.values())


def _figures(path: Path) -> tuple[float, ...]:
    status = os.statvfs(path)
    block = status.f_frsize
    return (
        status.f_blocks * block,
        status.f_bavail * block,
        (status.f_blocks - status.f_bfree) * block,
        status.f_files,
        status.f_ffree,
        status.f_files - status.f_ffree,
    )
