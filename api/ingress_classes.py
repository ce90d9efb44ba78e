"""The default IngressClass. Pure (upstream: plugin/pkg/admission/network/defaultingressclass)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from api.types import IngressClass

IS_DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
# How Ingresses named their class before there was a field.
OLD_CLASS: Final = "kubernetes.io/ingress.class"


def default_class(classes: Iterable[IngressClass]) -> IngressClass | None:
    """The newest class marked as default; of several equally new the first by name."""
    marked = [each for each in classes if each.metadata.annotations.get(IS_DEFAULT) == "true"]
    marked.sort(key=lambda each: each.metadata.name)
    return max(marked, key=lambda each: each.metadata.creation_timestamp or "", default=None)
