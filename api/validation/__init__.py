"""Validation: what an object must satisfy to be stored, in upstream's order and words (`pkg/apis/*/validation`).

Objects are validated after defaulting and admission. Every function returns the errors found, none when all is well.
"""

from __future__ import annotations

from typing import Any

from api import names, scheme
from api import types as t
from api.errors import FieldError
from api.types.record import Record
from api.validation import metadata

_NAMES: dict[type[Record], metadata.NameCheck] = {
    t.Namespace: names.dns1123_label,
    t.Service: names.dns1035_label,
    t.Event: names.path_segment,
    t.EventsV1Event: names.path_segment,
    t.Role: names.path_segment,
    t.RoleBinding: names.path_segment,
    t.ClusterRole: names.path_segment,
    t.ClusterRoleBinding: names.path_segment,
}


def create(record: Any) -> list[FieldError]:
    """What is wrong with a new object."""
    resource = scheme.of(record)
    check_name = _NAMES.get(resource.record, names.dns1123_subdomain)
    return list(metadata.object_meta(record.metadata, namespaced=resource.namespaced, check_name=check_name))


def update(new: Any, old: Any) -> list[FieldError]:
    """What is wrong with a changed object, including changes of what may not change."""
    return list(metadata.object_meta_update(new.metadata, old.metadata))


def update_status(new: Any, old: Any) -> list[FieldError]:
    """What is wrong with an object whose status was written."""
    return list(metadata.object_meta_update(new.metadata, old.metadata))
