"""Pods, and the pod templates of workloads."""

from collections.abc import Iterable, Mapping

from api import timestamps
from api.types import Event, Pod, PodTemplateSpec, Toleration
from podling.describe.common import annotations, controller, events, head, labels, listed, moment
from podling.describe.containers import describe_containers, describe_resources
from podling.describe.page import Page
from podling.describe.volumes import describe_volumes

_FINISHED = ("Succeeded", "Failed")


def describe_pod(pod: Pod, found: Iterable[Event], now: float) -> str:
    """A pod with its containers, conditions, volumes and events."""
    page = Page()
    _describe_head(page, pod, now)
    _describe_containers(page, pod)
    _describe_conditions(page, pod)
    describe_volumes(page, pod.spec.volumes)
    if pod.status.qos_class:
        page.field("QoS Class", pod.status.qos_class)
    labels(page, "Node-Selectors", pod.spec.node_selector)
    _describe_tolerations(page, pod.spec.tolerations)
    events(page, found, now)
    return page.show()


def describe_template(page: Page, template: PodTemplateSpec) -> None:
    """The section "Pod Template" of a workload."""
    page.line("Pod Template:")
    labels(page, "Labels", template.metadata.labels, level=1)
    if template.metadata.annotations:
        annotations(page, template.metadata.annotations, level=1)
    spec = template.spec
    if spec.service_account_name:
        page.field("Service Account", spec.service_account_name, level=1)
    if spec.init_containers:
        describe_containers(page, "Init Containers", spec.init_containers, level=1)
    describe_containers(page, "Containers", spec.containers, level=1)
    describe_volumes(page, spec.volumes, level=1)
    if spec.priority_class_name:
        page.field("Priority Class Name", spec.priority_class_name, level=1)
    labels(page, "Node-Selectors", spec.node_selector, level=1)
    _describe_tolerations(page, spec.tolerations, level=1)


def _describe_tolerations(page: Page, tolerations: Iterable[Toleration], *, level: int = 0) -> None:
    ordered = sorted(tolerations, key=lambda item: item.key)
    listed(page, "Tolerations", [toleration_text(item) for item in ordered], level=level)


def toleration_text(toleration: Toleration) -> str:
    """A toleration on one line: "key=value:NoExecute op=Exists for 300s"."""
    text = toleration.key
    if toleration.value:
        text += f"={toleration.value}"
    if toleration.effect:
        text += f":{toleration.effect}"
    parts = [text] if text else []
    if toleration.operator == "Exists" and not toleration.value:
        parts.append("op=Exists")
    if toleration.toleration_seconds is not None:
        parts.append(f"for {toleration.toleration_seconds}s")
    return " ".join(parts)


def _describe_head(page: Page, pod: Pod, now: float) -> None:
    spec, status = pod.spec, pod.status
    head(page, pod.metadata)
    optional = {
        "Priority": spec.priority,
        "Priority Class Name": spec.priority_class_name or None,
        "Runtime Class Name": spec.runtime_class_name,
        "Service Account": spec.service_account_name or None,
    }
    _describe_set(page, optional)
    page.field("Node", f"{spec.node_name}/{status.host_ip}" if spec.node_name else "<none>")
    _describe_set(page, {"Start Time": moment(status.start_time) or None})
    labels(page, "Labels", pod.metadata.labels)
    annotations(page, pod.metadata.annotations)
    if pod.metadata.deletion_timestamp and status.phase not in _FINISHED:
        page.field("Status", f"Terminating (lasts {timestamps.age(pod.metadata.deletion_timestamp, now)})")
        page.field("Termination Grace Period", f"{pod.metadata.deletion_grace_period_seconds or 0}s")
    else:
        page.field("Status", status.phase)
    profile = spec.security_context.seccomp_profile if spec.security_context else None
    _describe_set(
        page,
        {
            "Reason": status.reason or None,
            "Message": status.message or None,
            "SeccompProfile": profile.type if profile else None,
        },
    )
    page.field("IP", status.pod_ip)
    if status.pod_ips:
        page.line("IPs:")
        for item in status.pod_ips:
            page.field("IP", item.ip, level=1)
    else:
        page.field("IPs", "<none>")
    _describe_set(
        page,
        {
            "Controlled By": controller(pod.metadata) or None,
            "NominatedNodeName": status.nominated_node_name or None,
        },
    )


def _describe_set(page: Page, fields: Mapping[str, object]) -> None:
    """The fields whose value is not None."""
    for name, value in fields.items():
        if value is not None:
            page.field(name, value)


def _describe_containers(page: Page, pod: Pod) -> None:
    spec, status = pod.spec, pod.status
    if spec.resources is not None:
        page.line("Resources:")
        describe_resources(page, spec.resources, level=1)
    if spec.init_containers:
        statuses = status.init_container_statuses
        describe_containers(page, "Init Containers", spec.init_containers, pod=pod, statuses=statuses)
    describe_containers(page, "Containers", spec.containers, pod=pod, statuses=status.container_statuses)
    if spec.ephemeral_containers:
        statuses = status.ephemeral_container_statuses
        describe_containers(page, "Ephemeral Containers", spec.ephemeral_containers, pod=pod, statuses=statuses)


def _describe_conditions(page: Page, pod: Pod) -> None:
    states = {condition.type: condition.status for condition in pod.status.conditions}
    if pod.spec.readiness_gates:
        page.line("Readiness Gates:")
        page.line("Type", "Status", level=1)
        for gate in pod.spec.readiness_gates:
            page.line(f"{gate.condition_type} ", f"{states.get(gate.condition_type, '<none>')} ", level=1)
    if states:
        page.line("Conditions:")
        page.line("Type", "Status", level=1)
        for name, state in states.items():
            page.line(f"{name} ", f"{state} ", level=1)
