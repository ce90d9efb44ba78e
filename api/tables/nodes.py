"""How nodes are shown."""

from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import NONE, UNKNOWN, age
from api.types import Node

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE = "kubernetes.io/role"


def status(node: Node) -> str:
    """Ready, NotReady or Unknown, and whether the scheduler leaves the node alone."""
    ready = next((item for item in node.status.conditions if item.type == "Ready"), None)
    word = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if node.spec.unschedulable else word


def roles(node: Node) -> str:
    """The roles the node's labels name, sorted."""
    labels = node.metadata.labels
    found = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    found.add(labels.get(_ROLE, ""))
    return ",".join(sorted(found - {""})) or NONE


def _address(node: Node, address_type: str) -> str:
    return next((item.address for item in node.status.addresses if item.type == address_type), NONE)


def _cells(node: Node, now: float) -> list[Cell]:
    info = node.status.node_info
    return [
        node.metadata.name,
        status(node),
        roles(node),
        age(node.metadata, now),
        info.kubelet_version,
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        info.os_image or UNKNOWN,
        info.kernel_version or UNKNOWN,
        info.container_runtime_version or UNKNOWN,
    ]


NODES = Layout(
    columns=(
        NAME,
        Column("Status", "Whether the node is ready for pods."),
        Column("Roles", "The node's roles, from its labels."),
        AGE,
        Column("Version", "The kubelet's version."),
        wide("Internal-IP", "The node's address within the cluster."),
        wide("External-IP", "The node's address outside of the cluster."),
        wide("OS-Image", "The operating system, from /etc/os-release."),
        wide("Kernel-Version", "The kernel's release, as uname -r gives it."),
        wide("Container-Runtime", "The container runtime and its version."),
    ),
    cells=_cells,
)
