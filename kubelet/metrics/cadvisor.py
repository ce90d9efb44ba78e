"""/metrics/cadvisor and /metrics/resource: the node's figures in cAdvisor's and the kubelet's names. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.cgroups import Usage
from kubelet.metrics.exposition import Page
from kubelet.metrics.usage import ContainerUsage, NodeUsage, PodUsage
from kubelet.pods.view import NANOSECONDS
from kubelet.runtime.base import Resources

_NETWORK = (
    ("receive_bytes", "Cumulative count of bytes received"),
    ("receive_packets", "Cumulative count of packets received"),
    ("receive_errors", "Cumulative count of errors encountered while receiving"),
    ("receive_dropped", "Cumulative count of packets dropped while receiving"),
    ("transmit_bytes", "Cumulative count of bytes transmitted"),
    ("transmit_packets", "Cumulative count of packets transmitted"),
    ("transmit_errors", "Cumulative count of errors encountered while transmitting"),
    ("transmit_dropped", "Cumulative count of packets dropped while transmitting"),
)


def cadvisor_page(usage: NodeUsage, cpu_millis: int, memory_bytes: int) -> bytes:
    """Containers, pods and the node by cgroup, as cAdvisor shows them."""
    page = Page()
    page.family("machine_cpu_cores", "gauge", "Number of logical CPU cores.").add({}, cpu_millis / 1000)
    page.family("machine_memory_bytes", "gauge", "Amount of memory installed on the machine.").add({}, memory_bytes)
    for pod in usage.pods:
        labels = _labels(pod)
        if pod.total is not None:
            _add_usage(page, {**labels, "id": pod.cgroup}, pod.total, usage.time_ms)
        for container in pod.containers:
            _add_container(page, pod, container)
        _add_network(page, pod, usage.time_ms)
    return page.render()


def _labels(pod: PodUsage) -> dict[str, str]:
    metadata = pod.pod.metadata
    return {"container": "", "id": "", "image": "", "name": "", "namespace": metadata.namespace, "pod": metadata.name}


def _add_usage(page: Page, labels: Mapping[str, str], usage: Usage, time_ms: int) -> None:
    page.family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.").add(
        {**labels, "cpu": "total"}, usage.cpu_nanoseconds / NANOSECONDS, time_ms
    )
    page.family("container_memory_rss", "gauge", "Size of RSS in bytes.").add(labels, usage.rss_bytes, time_ms)
    page.family("container_memory_usage_bytes", "gauge", "Current memory usage in bytes, whenever it was accessed").add(
        labels, usage.memory_bytes, time_ms
    )
    page.family("container_memory_working_set_bytes", "gauge", "Current working set in bytes.").add(
        labels, usage.working_set_bytes, time_ms
    )
    page.family("container_processes", "gauge", "Number of processes running inside the container.").add(
        labels, usage.pids, time_ms
    )


def _add_container(page: Page, pod: PodUsage, container: ContainerUsage) -> None:
    run, stats = container.run, container.stats
    time_ms = stats.timestamp // 1_000_000
    labels = {
        **_labels(pod),
        "container": run.spec.name,
        "id": container.cgroup,
        "image": run.spec.image,
        "name": run.id,
    }
    usage = Usage(
        stats.cpu_usage_nanoseconds,
        stats.memory_usage_bytes,
        stats.memory_working_set_bytes,
        stats.memory_rss_bytes,
        stats.pids,
    )
    _add_usage(page, labels, usage, time_ms)
    _add_limits(page, labels, run.spec.resources, time_ms)
    disk = page.family("container_fs_usage_bytes", "gauge", "Number of bytes that are consumed by the container.")
    disk.add({**labels, "device": ""}, stats.writable_layer_bytes, time_ms)
    seen = page.family("container_last_seen", "gauge", "Last time a container was seen by the exporter")
    seen.add(labels, time_ms // 1000, time_ms)
    kills = page.family("container_oom_events_total", "counter", "Count of out of memory events for the container")
    kills.add(labels, run.oom_kills, time_ms)
    started = page.family("container_start_time_seconds", "gauge", "Start time of the container since unix epoch.")
    started.add(labels, run.started_at / NANOSECONDS, time_ms)


def _add_limits(page: Page, labels: Mapping[str, str], limits: Resources, time_ms: int) -> None:
    shares = page.family("container_spec_cpu_shares", "gauge", "CPU share of the container.")
    shares.add(labels, limits.cpu_shares, time_ms)
    memory = page.family("container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.")
    memory.add(labels, limits.memory_limit_bytes, time_ms)
    if limits.cpu_quota:
        quota = page.family("container_spec_cpu_quota", "gauge", "CPU quota of the container.")
        quota.add(labels, limits.cpu_quota, time_ms)
        period = page.family("container_spec_cpu_period", "gauge", "CPU period of the container.")
        period.add(labels, limits.cpu_period, time_ms)


def _add_network(page: Page, pod: PodUsage, time_ms: int) -> None:
    labels = {**_labels(pod), "id": pod.cgroup, "name": pod.sandbox_id}
    for interface in pod.interfaces:
        for counter, help in _NETWORK:
            shown = counter.replace("dropped", "packets_dropped")
            page.family(f"container_network_{shown}_total", "counter", help).add(
                {**labels, "interface": interface.name}, getattr(interface, counter), time_ms
            )


def resource_page(usage: NodeUsage) -> bytes:
    """The few figures autoscaling and `kubectl top` live on (upstream: /metrics/resource)."""
    page = Page()
    cpu, memory = "Cumulative cpu time consumed by the {} in core-seconds", "Current working set of the {} in bytes"
    for pod in usage.pods:
        metadata = pod.pod.metadata
        of_pod = {"namespace": metadata.namespace, "pod": metadata.name}
        for container in pod.containers:
            labels = {"container": container.run.spec.name, **of_pod}
            stats, at = container.stats, container.stats.timestamp // 1_000_000
            page.family("container_cpu_usage_seconds_total", "counter", cpu.format("container")).add(
                labels, stats.cpu_usage_nanoseconds / NANOSECONDS, at
            )
            page.family("container_memory_working_set_bytes", "gauge", memory.format("container")).add(
                labels, stats.memory_working_set_bytes, at
            )
            page.family(
                "container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds"
            ).add(labels, container.run.started_at / NANOSECONDS)
        if pod.total is not None:
            page.family("pod_cpu_usage_seconds_total", "counter", cpu.format("pod")).add(
                of_pod, pod.total.cpu_nanoseconds / NANOSECONDS, usage.time_ms
            )
            page.family("pod_memory_working_set_bytes", "gauge", memory.format("pod")).add(
                of_pod, pod.total.working_set_bytes, usage.time_ms
            )
    page.family("node_cpu_usage_seconds_total", "counter", cpu.format("node")).add(
        {}, usage.cpu_nanoseconds / NANOSECONDS, usage.time_ms
    )
    page.family("node_memory_working_set_bytes", "gauge", memory.format("node")).add(
        {}, usage.working_set_bytes, usage.time_ms
    )
    page.family(
        "resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise"
    ).add({}, 0)
    return page.render()
