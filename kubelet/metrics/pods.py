"""The kubelet's own metrics about pods and containers, in upstream's names and buckets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLI_BUCKETS = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800)
_OPERATION_BUCKETS = tuple(0.005 * 2.5**power for power in range(14))

start_seconds = Histogram(
    "kubelet_pod_start_duration_seconds",
    "Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run",
    buckets=_BUCKETS,
)
start_sli_seconds = Histogram(
    "kubelet_pod_start_sli_duration_seconds",
    "Duration in seconds to start a pod, excluding time to pull images and run init containers, "
    "measured from pod creation timestamp to when all its containers are reported as started and observed via watch",
    buckets=_SLI_BUCKETS,
)
sandbox_seconds = Histogram(
    "kubelet_run_podsandbox_duration_seconds",
    "Duration in seconds of the run_podsandbox operations. Broken down by RuntimeClass.Handler.",
    ["runtime_handler"],
    buckets=_BUCKETS,
)
started_pods = Counter("kubelet_started_pods_total", "Cumulative number of pods started")
started_pods_errors = Counter("kubelet_started_pods_errors_total", "Cumulative number of errors when starting pods")
started_containers = Counter(
    "kubelet_started_containers_total", "Cumulative number of containers started", ["container_type"]
)
started_containers_errors = Counter(
    "kubelet_started_containers_errors_total",
    "Cumulative number of errors when starting containers",
    ["container_type", "code"],
)
running_pods = Gauge("kubelet_running_pods", "Number of pods that have a running pod sandbox")
running_containers = Gauge("kubelet_running_containers", "Number of containers currently running", ["container_state"])
node_name = Gauge("kubelet_node_name", "The node's name. The count is always 1.", ["node"])

_operations = Counter(
    "kubelet_runtime_operations_total", "Cumulative number of runtime operations by operation type.", ["operation_type"]
)
_operation_errors = Counter(
    "kubelet_runtime_operations_errors_total",
    "Cumulative number of runtime operation errors by operation type.",
    ["operation_type"],
)
_operation_seconds = Histogram(
    "kubelet_runtime_operations_duration_seconds",
    "Duration in seconds of runtime operations. Broken down by operation type.",
    ["operation_type"],
    buckets=_OPERATION_BUCKETS,
)


@contextmanager
def operation(type: str) -> Iterator[None]:
    """Count and time a call of the runtime, named as CRI names it."""
    began = time.monotonic()
    _operations.labels(type).inc()
    try:
        yield
    except Exception:
        _operation_errors.labels(type).inc()
        raise
    finally:
        _operation_seconds.labels(type).observe(time.monotonic() - began)
