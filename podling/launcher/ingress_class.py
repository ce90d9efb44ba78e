"""The class of Ingresses a cluster with an ingress starts with; it is the default."""

from __future__ import annotations

from typing import Any, Final

from podling.launcher.rest import Admin

_GROUP: Final = "networking.k8s.io/v1"
CLASS: Final = "podling"

INGRESS_CLASS: Final[dict[str, Any]] = {
    "apiVersion": _GROUP,
    "kind": "IngressClass",
    "metadata": {"name": CLASS, "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
    "spec": {"controller": "podling.io/ingress"},
}


def ensure_ingress_class(admin: Admin) -> None:
    """Make the class unless it is there. Raises RuntimeError when it is refused."""
    code, answer = admin.post(f"/apis/{_GROUP}/ingressclasses", INGRESS_CLASS)
    if code not in (200, 201, 409):
        raise RuntimeError(f"the IngressClass {CLASS} was refused: {answer.get('message', code)}")
