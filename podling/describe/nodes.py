"""Nodes."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from api import quantity, timestamps
from api.tables.nodes import roles
from api.types import Event, Lease, Node, Pod, Taint
from podling.describe.common import UNSET, annotations, events, labels, listed, moment
from podling.describe.page import Page

_FINISHED = ("Succeeded", "Failed")
_COMPUTE = ("cpu", "memory")
_ALWAYS_TOTALLED = ("cpu", "memory", "ephemeral-storage")

Amounts = dict[str, Fraction]


def describe_node(node: Node, lease: Lease | None, pods: Iterable[Pod], found: Iterable[Event], now: float) -> str:
    """A node with its lease, capacity, the pods on it and what they ask for, and events."""
    page = Page()
    page.field("Name", node.metadata.name)
    page.field("Roles", roles(node))
    labels(page, "Labels", node.metadata.labels)
    annotations(page, node.metadata.annotations)
    page.field("CreationTimestamp", moment(node.metadata.creation_timestamp))
    listed(page, "Taints", [_taint_text(taint) for taint in sorted(node.spec.taints, key=_taint_order)])
    page.field("Unschedulable", "true" if node.spec.unschedulable else "false")
    _describe_lease(page, lease)
    _describe_status(page, node)
    if node.spec.pod_cidr:
        page.field("PodCIDR", node.spec.pod_cidr)
    if node.spec.pod_cidrs:
        page.field("PodCIDRs", ",".join(node.spec.pod_cidrs))
    if node.spec.provider_id:
        page.field("ProviderID", node.spec.provider_id)
    running = [pod for pod in pods if pod.status.phase not in _FINISHED]
    _describe_pods(page, node, running, now)
    _describe_totals(page, node, running)
    events(page, found, now)
    return page.show()


def _taint_order(taint: Taint) -> tuple[str, str, str]:
    return taint.effect, taint.key, taint.value


def _taint_text(taint: Taint) -> str:
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def _describe_lease(page: Page, lease: Lease | None) -> None:
    page.line("Lease:")
    if lease is None:
        return
    page.field("HolderIdentity", lease.spec.holder_identity or UNSET, level=1)
    page.field("AcquireTime", moment(lease.spec.acquire_time) or UNSET, level=1)
    page.field("RenewTime", moment(lease.spec.renew_time) or UNSET, level=1)


def _describe_status(page: Page, node: Node) -> None:
    status = node.status
    if status.conditions:
        page.line("Conditions:")
        page.table(
            ("Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message"),
            [
                (
                    item.type,
                    item.status,
                    moment(item.last_heartbeat_time),
                    moment(item.last_transition_time),
                    item.reason,
                    item.message,
                )
                for item in status.conditions
            ],
            gap=" ",
        )
    page.line("Addresses:")
    for address in status.addresses:
        page.field(address.type, address.address, level=1)
    for title, amounts in (("Capacity", status.capacity), ("Allocatable", status.allocatable)):
        if amounts:
            page.line(f"{title}:")
            for name in sorted(amounts):
                page.field(name, amounts[name], level=1)
    info = status.node_info
    page.line("System Info:")
    for name, value in {
        "Machine ID": info.machine_id,
        "System UUID": info.system_uuid,
        "Boot ID": info.boot_id,
        "Kernel Version": info.kernel_version,
        "OS Image": info.os_image,
        "Operating System": info.operating_system,
        "Architecture": info.architecture,
        "Container Runtime Version": info.container_runtime_version,
        "Kubelet Version": info.kubelet_version,
        "Kube-Proxy Version": info.kube_proxy_version,
    }.items():
        page.field(name, value, level=1)


def _describe_pods(page: Page, node: Node, pods: Sequence[Pod], now: float) -> None:
    page.field("Non-terminated Pods", f"({len(pods)} in total)")
    rows = []
    for pod in pods:
        requests, limits = _sum_of_pod(pod, "requests"), _sum_of_pod(pod, "limits")
        shares = [_share(name, amounts, node) for name in _COMPUTE for amounts in (requests, limits)]
        rows.append(
            (
                pod.metadata.namespace,
                pod.metadata.name,
                "",
                *shares,
                timestamps.age(pod.metadata.creation_timestamp, now),
            )
        )
    header = ("Namespace", "Name", "", "CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age")
    page.table(header, rows)


def _describe_totals(page: Page, node: Node, pods: Iterable[Pod]) -> None:
    requests: Amounts = {}
    limits: Amounts = {}
    for pod in pods:
        _add(requests, _sum_of_pod(pod, "requests"))
        _add(limits, _sum_of_pod(pod, "limits"))
    page.line("Allocated resources:")
    page.line("(Total limits may be over 100 percent, i.e., overcommitted.)", level=1)
    others = sorted((set(node.status.allocatable) - {"pods"}) - set(_ALWAYS_TOTALLED))
    rows: list[tuple[str, str, str]] = []
    for name in (*_ALWAYS_TOTALLED, *others):
        if name in _ALWAYS_TOTALLED or name.startswith("hugepages-"):
            rows.append((name, _share(name, requests, node), _share(name, limits, node)))
        else:
            rows.append((name, _amount_text(name, requests), _amount_text(name, limits)))
    page.table(("Resource", "Requests", "Limits"), rows)


def _sum_of_pod(pod: Pod, section: str) -> Amounts:
    """What a pod asks for: the sum over its containers, or the most any init container needs while it runs."""
    total: Amounts = {}
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in pod.spec.containers:
        _add(total, _parsed(getattr(container.resources, section)))
    for container in pod.spec.init_containers:
        own = _parsed(getattr(container.resources, section))
        if container.restart_policy == "Always":
            _add(total, own)
            _add(sidecars, own)
            own = {}
        _raise_to(peak, {name: own.get(name, Fraction(0)) + sidecars.get(name, 0) for name in {*own, *sidecars}})
    _raise_to(total, peak)
    overhead = _parsed(pod.spec.overhead)
    _add(total, {name: amount for name, amount in overhead.items() if section == "requests" or total.get(name)})
    return total


def _parsed(amounts: Mapping[str, str]) -> Amounts:
    return {name: quantity.parse(text) for name, text in amounts.items()}


def _add(total: Amounts, more: Mapping[str, Fraction]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Fraction(0)) + amount


def _raise_to(total: Amounts, floor: Mapping[str, Fraction]) -> None:
    for name, amount in floor.items():
        total[name] = max(total.get(name, Fraction(0)), amount)


def _share(name: str, amounts: Amounts, node: Node) -> str:
    """An amount and how much that is of what the node can give: "100m (5%)"."""
    allocatable = quantity.parse(node.status.allocatable.get(name, "0"))
    percent = int(amounts.get(name, 0) * 100 / allocatable) if allocatable else 0
    return f"{_amount_text(name, amounts)} ({percent}%)"


def _amount_text(name: str, amounts: Amounts) -> str:
    amount = amounts.get(name, Fraction(0))
    binary = name != "cpu" and amount.denominator == 1 and amount % 1024 == 0
    return quantity.format(amount, "BinarySI" if binary and amount else "DecimalSI")
