"""StatefulSets and DaemonSets."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from apiserver.registry.strategy import Strategy

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


class StatefulSetStrategy(Strategy):
    tracks_generation = True


class DaemonSetStrategy(Strategy):
    """An annotation counts the changes of the template, once a field of its own (upstream's apps/v1 conversion)."""

    tracks_generation = True

    def prepare_create(self, record: Any) -> Any:
        return _with_template_generation(super().prepare_create(record), 1)

    def prepare_update(self, new: Any, old: Any) -> Any:
        changed = new.spec.template != old.spec.template
        return _with_template_generation(super().prepare_update(new, old), _template_generation(old) + changed)

    def prepare_status(self, new: Any, old: Any) -> Any:
        return _with_template_generation(super().prepare_status(new, old), _template_generation(old))


def _template_generation(record: Any) -> int:
    text = record.metadata.annotations.get(TEMPLATE_GENERATION, "")
    return int(text) if text.isdecimal() else 1


def _with_template_generation(record: Any, generation: int) -> Any:
    annotations = {**record.metadata.annotations, TEMPLATE_GENERATION: str(generation)}
    return replace(record, metadata=replace(record.metadata, annotations=annotations))
