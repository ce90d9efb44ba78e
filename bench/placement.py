"""An independent, slow check that no pod stands where its rules forbid: plain Python over JSON, nothing of ours.

It reads the state as any client would and looks at every pod against every other it could hurt. What it knows: node
allocatable, taints, nodeSelector, required node affinity, required pod (anti-)affinity, hard topology spread and
host ports. Pods that have ended take no room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

Tree = Mapping[str, Any]

_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def violations(nodes: Sequence[Tree], pods: Sequence[Tree]) -> list[str]:
    """One line for each rule that the placement breaks."""
    by_name = {node["metadata"]["name"]: node for node in nodes}
    placed = [pod for pod in pods if pod["spec"].get("nodeName") and _phase(pod) not in ("Succeeded", "Failed")]
    found = [
        f"{_name(pod)} is on {pod['spec']['nodeName']}, which is no node" for pod in placed if not _node(pod, by_name)
    ]
    placed = [pod for pod in placed if _node(pod, by_name)]
    found += _over_allocatable(by_name, placed)
    for pod in placed:
        found += _against_node(pod, by_name[pod["spec"]["nodeName"]])
    found += _host_ports(placed)
    found += _affinity(by_name, placed)
    found += _spread(by_name, placed)
    return found


def quantity(text: str) -> Fraction:
    """A Kubernetes quantity as a number."""
    for suffix, power in _BINARY.items():
        if text.endswith(suffix):
            return Fraction(text[: -len(suffix)]) * 2**power
    if text[-1] in _SUFFIXES:
        return Fraction(text[:-1]) * Fraction(10) ** _SUFFIXES[text[-1]]
    return Fraction(text)


def _name(pod: Tree) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _phase(pod: Tree) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def _node(pod: Tree, by_name: Mapping[str, Tree]) -> Tree | None:
    return by_name.get(pod["spec"]["nodeName"])


def _requests(pod: Tree) -> dict[str, Fraction]:
    """What the pod takes: its containers together, or one init container if that is more; and its overhead."""
    together: dict[str, Fraction] = defaultdict(Fraction)
    sidecars: dict[str, Fraction] = defaultdict(Fraction)
    largest: dict[str, Fraction] = defaultdict(Fraction)
    for container in pod["spec"]["containers"]:
        for resource, amount in container.get("resources", {}).get("requests", {}).items():
            together[resource] += quantity(amount)
    for container in pod["spec"].get("initContainers", []):
        always = container.get("restartPolicy") == "Always"
        for resource, amount in container.get("resources", {}).get("requests", {}).items():
            largest[resource] = max(largest[resource], sidecars[resource] + quantity(amount))
            if always:
                sidecars[resource] += quantity(amount)
    overhead = {resource: quantity(text) for resource, text in pod["spec"].get("overhead", {}).items()}
    total = {
        resource: max(together[resource] + sidecars[resource], largest[resource]) + overhead.get(resource, 0)
        for resource in {*together, *sidecars, *largest, *overhead}
    }
    return {**total, "pods": Fraction(1)}


def _over_allocatable(by_name: Mapping[str, Tree], placed: Sequence[Tree]) -> Iterator[str]:
    used: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for pod in placed:
        for resource, amount in _requests(pod).items():
            used[pod["spec"]["nodeName"]][resource] += amount
    for name, resources in used.items():
        allocatable = by_name[name]["status"]["allocatable"]
        for resource, amount in resources.items():
            if amount > quantity(allocatable.get(resource, "0")):
                yield f"node {name} has {allocatable.get(resource, '0')} of {resource}, its pods take {float(amount)}"


def _against_node(pod: Tree, node: Tree) -> Iterator[str]:
    spec, labels = pod["spec"], node["metadata"].get("labels", {})
    name = node["metadata"]["name"]
    for key, value in spec.get("nodeSelector", {}).items():
        if labels.get(key) != value:
            yield f"{_name(pod)} selects {key}={value}, which {name} has not"
    required = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required and not any(_term_selects(term, labels, name) for term in required["nodeSelectorTerms"]):
        yield f"{_name(pod)} is on {name}, which its node affinity does not choose"
    for taint in node["spec"].get("taints", []):
        # A taint that came after the pod does not drive it away; one of NoExecute does.
        if taint["effect"] == "NoExecute" and not any(_tolerates(each, taint) for each in spec.get("tolerations", [])):
            yield f"{_name(pod)} does not tolerate {taint['key']} of {name}"


def _term_selects(term: Tree, labels: Mapping[str, str], name: str) -> bool:
    fields = {"metadata.name": name}
    expressions, on_fields = term.get("matchExpressions", []), term.get("matchFields", [])
    if not expressions and not on_fields:
        return False
    return all(_holds(each, labels) for each in expressions) and all(_holds(each, fields) for each in on_fields)


def _holds(requirement: Tree, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement["key"])
    match requirement["operator"]:
        case "In":
            return value in requirement["values"]
        case "NotIn":
            return value not in requirement["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and int(value) > int(requirement["values"][0])
        case "Lt":
            return value is not None and int(value) < int(requirement["values"][0])
    raise ValueError(f"unknown operator {requirement['operator']}")


def _tolerates(toleration: Tree, taint: Tree) -> bool:
    if toleration.get("effect", "") not in ("", taint["effect"]) or toleration.get("key", "") not in ("", taint["key"]):
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")


def _selects(selector: Tree | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes in these labels; None takes in nothing."""
    if selector is None:
        return False
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(_holds(each, labels) for each in selector.get("matchExpressions", []))


def _labels(pod: Tree) -> Mapping[str, str]:
    labels: Mapping[str, str] = pod["metadata"].get("labels", {})
    return labels


def _host_ports(placed: Sequence[Tree]) -> Iterator[str]:
    taken: dict[tuple[str, str, int], str] = {}
    for pod in placed:
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", []):
                if port.get("hostPort"):
                    key = (pod["spec"]["nodeName"], port.get("protocol", "TCP"), port["hostPort"])
                    if key in taken:
                        yield f"{_name(pod)} and {taken[key]} share host port {key[2]} of {key[0]}"
                    taken[key] = _name(pod)


def _affinity(by_name: Mapping[str, Tree], placed: Sequence[Tree]) -> Iterator[str]:
    """Required terms: each against all pods of the term's topology domain."""
    domains: dict[tuple[str, str], list[Tree]] = defaultdict(list)
    keys = {
        term["topologyKey"]
        for pod in placed
        for kind in ("podAffinity", "podAntiAffinity")
        for term in _terms(pod, kind)
    }
    for pod in placed:
        labels = by_name[pod["spec"]["nodeName"]]["metadata"].get("labels", {})
        for key in keys & labels.keys():
            domains[key, labels[key]].append(pod)
    for pod in placed:
        labels = by_name[pod["spec"]["nodeName"]]["metadata"].get("labels", {})
        for term in _terms(pod, "podAntiAffinity"):
            for other in domains.get((term["topologyKey"], labels.get(term["topologyKey"], "")), ()):
                if other is not pod and _concerns(term, pod, other):
                    yield f"{_name(pod)} is in one {term['topologyKey']} with {_name(other)}, against its anti-affinity"
        for term in _terms(pod, "podAffinity"):
            company = domains.get((term["topologyKey"], labels.get(term["topologyKey"], "")), ())
            if not any(_concerns(term, pod, other) for other in company):
                yield f"{_name(pod)} is in no {term['topologyKey']} with a pod its affinity asks for"


def _terms(pod: Tree, kind: str) -> Sequence[Tree]:
    rules = pod["spec"].get("affinity", {}).get(kind, {})
    terms: Sequence[Tree] = rules.get("requiredDuringSchedulingIgnoredDuringExecution", ())
    return terms


def _concerns(term: Tree, pod: Tree, other: Tree) -> bool:
    namespaces = term.get("namespaces") or [pod["metadata"]["namespace"]]
    return other["metadata"]["namespace"] in namespaces and _selects(term.get("labelSelector"), _labels(other))


def _spread(by_name: Mapping[str, Tree], placed: Sequence[Tree]) -> Iterator[str]:
    """Hard constraints, each once: how uneven the pods it selects stand over the domains there are."""
    seen: set[str] = set()
    for pod in placed:
        for constraint in pod["spec"].get("topologySpreadConstraints", ()):
            name = f"{pod['metadata']['namespace']} {constraint}"
            if constraint["whenUnsatisfiable"] != "DoNotSchedule" or name in seen:
                continue
            seen.add(name)
            key = constraint["topologyKey"]
            counts = {
                labels[key]: 0 for node in by_name.values() if key in (labels := node["metadata"].get("labels", {}))
            }
            for other in placed:
                domain = by_name[other["spec"]["nodeName"]]["metadata"].get("labels", {}).get(key)
                same = other["metadata"]["namespace"] == pod["metadata"]["namespace"]
                if domain is not None and same and _selects(constraint.get("labelSelector"), _labels(other)):
                    counts[domain] += 1
            if max(counts.values()) - min(counts.values()) > constraint["maxSkew"]:
                yield f"pods of {_name(pod)}'s kind stand unevenly over {key}: {counts}"
