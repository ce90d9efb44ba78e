"""Which Ingresses and Gateways are ours: those whose class names our controller (docs: Ingress class, GatewayClass)."""

from __future__ import annotations

from collections.abc import Callable

from api.ingress_classes import OLD_CLASS
from api.types import Gateway, GatewayClass, Ingress, IngressClass

CONTROLLER = "podling.io/ingress"


def class_name(ingress: Ingress) -> str:
    """The class it asks for; "" for none, which is nobody's: admission fills in the default class."""
    return ingress.spec.ingress_class_name or ingress.metadata.annotations.get(OLD_CLASS, "")


def is_ours(ingress: Ingress, class_of: Callable[[str], IngressClass | None]) -> bool:
    found = class_of(class_name(ingress))
    return found is not None and found.spec.controller == CONTROLLER


def is_our_gateway(gateway: Gateway, class_of: Callable[[str], GatewayClass | None]) -> bool:
    found = class_of(gateway.spec.gateway_class_name)
    return found is not None and found.spec.controller_name == CONTROLLER
