"""How the Gateway API's kinds are shown: as upstream's definitions have it (additionalPrinterColumns)."""

from collections.abc import Iterable

import msgspec

from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import age
from api.types import Condition, Gateway, GatewayClass, HTTPRoute, ReferenceGrant


def _status(conditions: Iterable[Condition], wanted: str) -> str:
    return next((each.status for each in conditions if each.type == wanted), "")


def _class_cells(gateway_class: GatewayClass, now: float) -> list[Cell]:
    return [
        gateway_class.metadata.name,
        gateway_class.spec.controller_name,
        _status(gateway_class.status.conditions, "Accepted"),
        age(gateway_class.metadata, now),
        gateway_class.spec.description or "",
    ]


GATEWAY_CLASSES = Layout(
    columns=(
        NAME,
        Column("Controller", "Who serves Gateways of the class."),
        Column("Accepted", "Whether the controller serves it."),
        AGE,
        wide("Description", "What the class is for."),
    ),
    cells=_class_cells,
)


def _gateway_cells(gateway: Gateway, now: float) -> list[Cell]:
    # Of several values a column of a custom resource shows the first.
    addresses = gateway.status.addresses
    return [
        gateway.metadata.name,
        gateway.spec.gateway_class_name,
        addresses[0].value if addresses else "",
        _status(gateway.status.conditions, "Programmed"),
        age(gateway.metadata, now),
    ]


GATEWAYS = Layout(
    columns=(
        NAME,
        Column("Class", "The class, which says whose Gateway it is."),
        Column("Address", "Where it is reached."),
        Column("Programmed", "Whether what it says is being served."),
        AGE,
    ),
    cells=_gateway_cells,
)


def _route_cells(route: HTTPRoute, now: float) -> list[Cell]:
    hostnames = msgspec.json.encode(route.spec.hostnames).decode() if route.spec.hostnames else ""
    return [route.metadata.name, hostnames, age(route.metadata, now)]


HTTP_ROUTES = Layout(columns=(NAME, Column("Hostnames", "The hosts it is for."), AGE), cells=_route_cells)


def _grant_cells(grant: ReferenceGrant, now: float) -> list[Cell]:
    return [grant.metadata.name, age(grant.metadata, now)]


REFERENCE_GRANTS = Layout(columns=(NAME, AGE), cells=_grant_cells)
