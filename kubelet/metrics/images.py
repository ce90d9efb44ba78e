"""Metrics of image pulls and image garbage collection, in upstream's names and buckets."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

_MIB, _GIB = 2**20, 2**30
# Upper ends in bytes and how upstream names what is below them.
_SIZES = (
    (10 * _MIB, "0-10MB"),
    (100 * _MIB, "10MB-100MB"),
    (500 * _MIB, "100MB-500MB"),
    (1 * _GIB, "500MB-1GB"),
    (5 * _GIB, "1GB-5GB"),
    (10 * _GIB, "5GB-10GB"),
    (20 * _GIB, "10GB-20GB"),
    (30 * _GIB, "20GB-30GB"),
    (40 * _GIB, "30GB-40GB"),
    (60 * _GIB, "40GB-60GB"),
    (100 * _GIB, "60GB-100GB"),
)

_pull_seconds = Histogram(
    "kubelet_image_pull_duration_seconds",
    "Duration in seconds to pull an image.",
    ["image_size_in_bytes"],
    buckets=(1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600),
)
pull_errors = Counter("kubelet_image_pull_errors_total", "Cumulative number of image pulls that failed")
collected = Counter(
    "kubelet_image_garbage_collected_total",
    "Total number of images garbage collected by the kubelet, whether through disk usage or image age.",
    ["reason"],
)


def observe_pull(size_bytes: int, seconds: float) -> None:
    """An image was pulled."""
    size = next((name for limit, name in _SIZES if size_bytes < limit), "GT100GB")
    _pull_seconds.labels(size if size_bytes > 0 else "N/A").observe(seconds)
