"""The classes of Ingresses and Gateways a cluster with an ingress starts with; the first is the default."""

from __future__ import annotations

from typing import Any, Final

from podling.launcher.rest import Admin

_GROUP: Final = "networking.k8s.io/v1"
_GATEWAY_GROUP: Final = "gateway.networking.k8s.io/v1"
CLASS: Final = "podling"

INGRESS_CLASS: Final[dict[str, Any]] = {
    "apiVersion": _GROUP,
    "kind": "IngressClass",
    "metadata": {"name": CLASS, "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
    "spec": {"controller": "podling.io/ingress"},
}


GATEWAY_CLASS: Final[dict[str, Any]] = {
    "apiVersion": _GATEWAY_GROUP,
    "kind": "GatewayClass",
    "metadata": {"name": CLASS},
    "spec": {"controllerName": "podling.io/ingress", "description": "Served by the cluster's own ingress."},
}


def ensure_ingress_classes(admin: Admin) -> None:
    """Make the classes unless they are there. Raises RuntimeError when one is refused."""
    for path, made in (
        (f"/apis/{_GROUP}/ingressclasses", INGRESS_CLASS),
        (f"/apis/{_GATEWAY_GROUP}/gatewayclasses", GATEWAY_CLASS),
    ):
        code, answer = admin.post(path, made)
        if code not in (200, 201, 409):
            raise RuntimeError(f"the {made['kind']} {CLASS} was refused: {answer.get('message', code)}")
