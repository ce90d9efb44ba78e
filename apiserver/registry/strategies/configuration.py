"""Events, leases, endpoints, service accounts, RBAC: kinds that differ in flags only."""

from __future__ import annotations

import base64
from typing import Any

from msgspec.structs import replace

from api import event_conversion, validation
from api.errors import FieldError
from apiserver.registry.strategy import Strategy

EVENT_TTL_SECONDS = 3600


class EventStrategy(Strategy):
    ttl_seconds = EVENT_TTL_SECONDS
    create_on_update = True
    collects_garbage = False


class EventsGroupStrategy(EventStrategy):
    """Events written through events.k8s.io: complete, and but for their series as they were (upstream's two rules)."""

    def validate_create(self, record: Any) -> list[FieldError]:
        return validation.create(event_conversion.to_events_group(record))

    def validate_update(self, new: Any, old: Any) -> list[FieldError]:
        to_group = event_conversion.to_events_group
        return validation.update(to_group(new), to_group(old))


class LeaseStrategy(Strategy):
    create_on_update = True
    unconditional_update = False


class EndpointsStrategy(Strategy):
    create_on_update = True


class EndpointSliceStrategy(Strategy):
    """Its generation counts changes of everything but metadata; labels count as well (upstream)."""

    tracks_generation = True

    def wanted(self, record: Any) -> Any:
        return (record.address_type, record.endpoints, record.ports, record.metadata.labels)


class ServiceAccountStrategy(Strategy):
    returns_deleted = True


class PodTemplateStrategy(Strategy):
    returns_deleted = True
    tracks_generation = True

    def wanted(self, record: Any) -> Any:
        return record.template


class RbacStrategy(Strategy):
    create_on_update = True


class SecretStrategy(Strategy):
    """`stringData` is write-only: it is merged into `data`."""

    def prepare_create(self, record: Any) -> Any:
        return _without_string_data(super().prepare_create(record))

    def prepare_update(self, new: Any, old: Any) -> Any:
        # A type left out of an update means the one there is (upstream secret strategy).
        if not new.type:
            new = replace(new, type=old.type)
        return _without_string_data(super().prepare_update(new, old))


def _without_string_data(record: Any) -> Any:
    if not record.string_data:
        return record
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in record.string_data.items()}
    return replace(record, data={**record.data, **encoded}, string_data={})
