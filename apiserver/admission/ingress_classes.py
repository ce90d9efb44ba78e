"""DefaultIngressClass: an Ingress that names no class gets the default one (upstream plugin)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from api.ingress_classes import OLD_CLASS, default_class
from api.scheme import Resource
from api.types import Ingress
from apiserver.admission.chain import CREATE, Plugin, Request
from apiserver.storage.reader import Reader

_INGRESSES: Final = "ingresses.networking.k8s.io"


class DefaultIngressClass(Plugin):
    """Of several default classes the newest counts."""

    def __init__(self, classes: Reader) -> None:
        self._classes = classes

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == _INGRESSES and not subresource

    async def create(self, request: Request) -> Ingress:
        ingress: Ingress = request.new
        if ingress.spec.ingress_class_name is not None or OLD_CLASS in ingress.metadata.annotations:
            return ingress
        # A class made a moment ago counts.
        await self._classes.fresh(None)
        chosen = default_class(stored.record for stored in self._classes.cache.items())
        if chosen is None:
            return ingress
        return replace(ingress, spec=replace(ingress.spec, ingress_class_name=chosen.metadata.name))
