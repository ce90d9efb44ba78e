"""How stateful sets, daemon sets and controller revisions are shown."""

from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import age, images, labels, names, or_none, selector
from api.types import ControllerRevision, DaemonSet, ObjectMeta, StatefulSet


def _stateful_set_cells(stateful_set: StatefulSet, now: float) -> list[Cell]:
    containers = stateful_set.spec.template.spec.containers
    return [
        stateful_set.metadata.name,
        f"{stateful_set.status.ready_replicas}/{stateful_set.spec.replicas or 0}",
        age(stateful_set.metadata, now),
        names(containers),
        images(containers),
    ]


STATEFUL_SETS = Layout(
    columns=(
        NAME,
        Column("Ready", "Ready pods out of the wanted ones."),
        AGE,
        wide("Containers", "The names of the template's containers."),
        wide("Images", "The images of the template's containers."),
    ),
    cells=_stateful_set_cells,
)


def _daemon_set_cells(daemon_set: DaemonSet, now: float) -> list[Cell]:
    status, template = daemon_set.status, daemon_set.spec.template.spec
    return [
        daemon_set.metadata.name,
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        labels(template.node_selector),
        age(daemon_set.metadata, now),
        names(template.containers),
        images(template.containers),
        or_none(selector(daemon_set.spec.selector)),
    ]


DAEMON_SETS = Layout(
    columns=(
        NAME,
        Column("Desired", "How many nodes should run a pod.", type="integer"),
        Column("Current", "How many of these nodes have a pod.", type="integer"),
        Column("Ready", "How many of these nodes have a ready pod.", type="integer"),
        Column("Up-to-date", "How many nodes have a pod made from the current template.", type="integer"),
        Column("Available", "How many nodes have a pod that has been ready for long enough.", type="integer"),
        Column("Node Selector", "The labels that nodes must have to run a pod."),
        AGE,
        wide("Containers", "The names of the template's containers."),
        wide("Images", "The images of the template's containers."),
        wide("Selector", "Which pods belong to the object."),
    ),
    cells=_daemon_set_cells,
)


def _controller_revision_cells(revision: ControllerRevision, now: float) -> list[Cell]:
    metadata = revision.metadata
    return [metadata.name, or_none(_controller(metadata)), str(revision.revision), age(metadata, now)]


def _controller(metadata: ObjectMeta) -> str:
    """The controlling owner with its group, as "statefulset.apps/web"."""
    for owner in metadata.owner_references:
        if owner.controller:
            group = owner.api_version.rpartition("/")[0]
            return f"{owner.kind.lower()}{f'.{group}' if group else ''}/{owner.name}"
    return ""


CONTROLLER_REVISIONS = Layout(
    columns=(
        NAME,
        Column("Controller", "The object whose history the revision belongs to."),
        Column("Revision", "The revision's number."),
        AGE,
    ),
    cells=_controller_revision_cells,
)
