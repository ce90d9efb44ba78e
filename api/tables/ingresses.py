"""How Ingresses and their classes are shown."""

from api.tables.layout import AGE, NAME, Cell, Column, Layout
from api.tables.text import NONE, age
from api.types import Ingress, IngressClass, IngressClassParametersReference, IngressRule

_MOST_HOSTS = 3


def hosts(rules: list[IngressRule]) -> str:
    """The first few hosts; * when there are none."""
    named = [rule.host for rule in rules if rule.host]
    more = f" + {len(named) - _MOST_HOSTS} more..." if len(named) > _MOST_HOSTS else ""
    return ",".join(named[:_MOST_HOSTS]) + more or "*"


def addresses(ingress: Ingress) -> str:
    """Where it is reached, sorted."""
    return ",".join(sorted({each.ip or each.hostname for each in ingress.status.load_balancer.ingress} - {""}))


def _ingress_cells(ingress: Ingress, now: float) -> list[Cell]:
    return [
        ingress.metadata.name,
        NONE if ingress.spec.ingress_class_name is None else ingress.spec.ingress_class_name,
        hosts(ingress.spec.rules),
        addresses(ingress),
        "80, 443" if ingress.spec.tls else "80",
        age(ingress.metadata, now),
    ]


INGRESSES = Layout(
    columns=(
        NAME,
        Column("Class", "The class, which says whose Ingress it is."),
        Column("Hosts", "The first hosts of its rules."),
        Column("Address", "Where it is reached."),
        Column("Ports", "The ports it is reached at."),
        AGE,
    ),
    cells=_ingress_cells,
)


def _parameters(reference: IngressClassParametersReference | None) -> str:
    if reference is None:
        return NONE
    kind = reference.kind if reference.api_group is None else f"{reference.kind}.{reference.api_group}"
    return f"{kind}/{reference.name}"


def _class_cells(ingress_class: IngressClass, now: float) -> list[Cell]:
    return [
        ingress_class.metadata.name,
        ingress_class.spec.controller,
        _parameters(ingress_class.spec.parameters),
        age(ingress_class.metadata, now),
    ]


INGRESS_CLASSES = Layout(
    columns=(
        NAME,
        Column("Controller", "Who serves Ingresses of the class."),
        Column("Parameters", "An object with the controller's settings."),
        AGE,
    ),
    cells=_class_cells,
)
