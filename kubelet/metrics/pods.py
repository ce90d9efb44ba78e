"""The kubelet's own metrics about pods and containers, in upstream's names."""

from __future__ import annotations

from prometheus_client import Gauge, Histogram

_START_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600)

start_seconds = Histogram(
    "kubelet_pod_start_duration_seconds",
    "Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run",
    buckets=_START_BUCKETS,
)
sandbox_seconds = Histogram(
    "kubelet_run_podsandbox_duration_seconds",
    "Duration in seconds of the run_podsandbox operations.",
)
running_pods = Gauge("kubelet_running_pods", "Number of pods that have a running pod sandbox")
running_containers = Gauge("kubelet_running_containers", "Number of containers currently running", ["container_state"])
node_name = Gauge("kubelet_node_name", "The node's name. The count is always 1.", ["node"])
