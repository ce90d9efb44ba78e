"""Finds the pods behind a word: a pod's own name, or the pods of a deployment, replica set or service."""

from __future__ import annotations

from api import scheme, selectors
from api.types import LabelSelector
from podling.cli import targets
from podling.cli.rpc import Api, Tree, tree
from podling.errors import CommandError

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
POD = scheme.by_kind("v1", "Pod")


def find_pods(server: Api, word: str, namespace: str) -> list[Tree]:
    """The pods that `NAME`, `pod/NAME` or `TYPE/NAME` stands for, those that run best first. Raises CommandError."""
    [target] = targets.parse_named([word], default="pod")
    if target.resource is POD:
        return [server.get(POD, namespace, target.names[0])]
    owner = server.get(target.resource, namespace, target.names[0])
    pods = select_pods(server, namespace, _selector(owner, word))
    if not pods:
        raise CommandError(f"{word} has no pods")
    return sorted(pods, key=_preference)


def select_pods(server: Api, namespace: str, label_selector: str) -> list[Tree]:
    """The pods that a label selector chooses."""
    return [tree(item) for item in server.list(POD, namespace, label_selector=label_selector).items]


def container_names(pod: Tree) -> list[str]:
    """All of a pod's containers in the order in which they are thought of: main, then init, then ephemeral ones."""
    spec = pod["spec"]
    return [
        container["name"]
        for kind in ("containers", "initContainers", "ephemeralContainers")
        for container in spec.get(kind, ())
    ]


def choose_container(pod: Tree, wanted: str) -> tuple[str, str]:
    """The container meant, and what to remark on the choice (`""` for nothing). Raises CommandError."""
    names = container_names(pod)
    pod_name = pod["metadata"]["name"]
    if wanted:
        if wanted not in names:
            raise CommandError(f"container {wanted} is not in pod {pod_name}: it has {', '.join(names)}")
        return wanted, ""
    annotated = pod["metadata"].get("annotations", {}).get(DEFAULT_CONTAINER)
    if annotated in names:
        return annotated, ""
    remark = f'Defaulted container "{names[0]}" out of: {", ".join(names)}' if len(names) > 1 else ""
    return names[0], remark


def _selector(owner: Tree, word: str) -> str:
    selector = owner.get("spec", {}).get("selector")
    if not selector:
        raise CommandError(f"{word} selects no pods")
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in selector.items())
    import msgspec

    return str(selectors.from_record(msgspec.convert(selector, LabelSelector)))


def _preference(pod: Tree) -> tuple[bool, bool, str]:
    status = pod.get("status", {})
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    return "deletionTimestamp" in pod["metadata"], not ready, pod["metadata"]["name"]
