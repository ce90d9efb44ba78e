"""prober_probe_total, labelled as upstream's /metrics/probes."""

from __future__ import annotations

from prometheus_client import Counter

from kubelet.probes.tracker import Answer, Kind

prober_probe_total = Counter(
    "prober_probe_total",
    "Cumulative number of a liveness, readiness or startup probe for a container by result",
    ["probe_type", "result", "container", "pod", "namespace", "pod_uid"],
)


def count(kind: Kind, answer: Answer, container: str, pod: tuple[str, str, str]) -> None:
    """`pod`: name, namespace, uid."""
    result = "successful" if answer is Answer.WARNING else answer.value
    prober_probe_total.labels(kind.value, result, container, *pod).inc()


def forget(pod: tuple[str, str, str]) -> None:
    """Drop the counters of a pod that is gone."""
    name, namespace, uid = pod
    prober_probe_total.remove_by_labels({"pod": name, "namespace": namespace, "pod_uid": uid})
