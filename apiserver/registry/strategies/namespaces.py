"""Namespaces: held by `spec.finalizers` until the namespace controller has emptied them."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from api.types import Namespace
from apiserver.registry.strategy import Strategy
from apiserver.registry.views import View

FINALIZER: Final = "kubernetes"
NAME_LABEL: Final = "kubernetes.io/metadata.name"


class NamespaceStrategy(Strategy):
    def views(self) -> dict[str, View]:
        return super().views() | {"finalize": View(self._prepare_finalize, self.validate_update)}

    def prepare_create(self, record: Namespace) -> Any:
        record = _labelled(super().prepare_create(record))
        finalizers = record.spec.finalizers
        if FINALIZER not in finalizers:
            finalizers = [*finalizers, FINALIZER]
        return replace(
            record,
            spec=replace(record.spec, finalizers=finalizers),
            status=replace(record.status, phase="Active"),
        )

    def prepare_update(self, new: Namespace, old: Namespace) -> Any:
        return _labelled(super().prepare_update(replace(new, spec=old.spec), old))

    def prepare_delete(self, marked: Namespace) -> Any:
        # Namespaces know no grace period: the mark alone counts.
        metadata = replace(marked.metadata, deletion_grace_period_seconds=None)
        return replace(marked, metadata=metadata, status=replace(marked.status, phase="Terminating"))

    def finalized(self, record: Namespace) -> bool:
        return not record.metadata.finalizers and not record.spec.finalizers

    def _prepare_finalize(self, new: Namespace, old: Namespace) -> Any:
        """Only the finalizers of the spec may change."""
        return replace(old, metadata=replace(old.metadata, resource_version=""), spec=new.spec)


def _labelled(record: Namespace) -> Namespace:
    """Every namespace carries its name as a label, whatever the client says."""
    metadata = record.metadata
    if metadata.labels.get(NAME_LABEL) == metadata.name:
        return record
    labels = {**metadata.labels, NAME_LABEL: metadata.name}
    return replace(record, metadata=replace(metadata, labels=labels))
