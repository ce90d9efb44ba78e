"""How deployments, replica sets, scales and pod templates are shown."""

from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import age, images, labels, names, or_none, selector
from api.types import Deployment, PodTemplate, ReplicaSet, Scale

_TEMPLATE_COLUMNS = (
    wide("Containers", "The names of the template's containers."),
    wide("Images", "The images of the template's containers."),
    wide("Selector", "Which pods belong to the object."),
)


def _deployment_cells(deployment: Deployment, now: float) -> list[Cell]:
    spec, status = deployment.spec, deployment.status
    containers = spec.template.spec.containers
    return [
        deployment.metadata.name,
        f"{status.ready_replicas}/{spec.replicas or 0}",
        status.updated_replicas,
        status.available_replicas,
        age(deployment.metadata, now),
        names(containers),
        images(containers),
        selector(spec.selector),
    ]


DEPLOYMENTS = Layout(
    columns=(
        NAME,
        Column("Ready", "Ready pods out of the wanted ones."),
        Column("Up-to-date", "Pods made from the current template."),
        Column("Available", "Pods that have been ready for long enough."),
        AGE,
        *_TEMPLATE_COLUMNS,
    ),
    cells=_deployment_cells,
)


def _replica_set_cells(replica_set: ReplicaSet, now: float) -> list[Cell]:
    spec, status = replica_set.spec, replica_set.status
    containers = spec.template.spec.containers
    return [
        replica_set.metadata.name,
        spec.replicas or 0,
        status.replicas,
        status.ready_replicas,
        age(replica_set.metadata, now),
        names(containers),
        images(containers),
        or_none(selector(spec.selector)),
    ]


REPLICA_SETS = Layout(
    columns=(
        NAME,
        Column("Desired", "How many pods are wanted.", type="integer"),
        Column("Current", "How many pods there are.", type="integer"),
        Column("Ready", "How many pods are ready.", type="integer"),
        AGE,
        *_TEMPLATE_COLUMNS,
    ),
    cells=_replica_set_cells,
)


def _scale_cells(scale: Scale, now: float) -> list[Cell]:
    return [scale.metadata.name, scale.spec.replicas, scale.status.replicas, age(scale.metadata, now)]


SCALES = Layout(
    columns=(
        Column("Name", NAME.description),
        Column("Desired", "How many pods are wanted.", type="integer"),
        Column("Available", "How many pods there are.", type="integer"),
        AGE,
    ),
    cells=_scale_cells,
)


def _pod_template_cells(pod_template: PodTemplate, now: float) -> list[Cell]:
    template = pod_template.template
    containers = template.spec.containers
    return [pod_template.metadata.name, names(containers), images(containers), labels(template.metadata.labels)]


POD_TEMPLATES = Layout(
    columns=(
        NAME,
        Column("Containers", "The names of the template's containers."),
        Column("Images", "The images of the template's containers."),
        Column("Pod Labels", "The labels of pods made from the template."),
    ),
    cells=_pod_template_cells,
)
