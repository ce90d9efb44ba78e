"""Metrics that several components share, in upstream's names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_QUEUE_BUCKETS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)

workqueue_depth = Gauge("workqueue_depth", "Current depth of workqueue", ["name"])
workqueue_queue_duration_seconds = Histogram(
    "workqueue_queue_duration_seconds",
    "How long in seconds an item stays in workqueue before being requested",
    ["name"],
    buckets=_QUEUE_BUCKETS,
)
workqueue_work_duration_seconds = Histogram(
    "workqueue_work_duration_seconds",
    "How long in seconds processing an item from workqueue takes",
    ["name"],
    buckets=_QUEUE_BUCKETS,
)
workqueue_retries_total = Counter("workqueue_retries_total", "Total number of retries handled by workqueue", ["name"])
