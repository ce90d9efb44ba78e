"""Which objects a list or watch is about: scope and selectors, parsed once per request. Pure."""

from __future__ import annotations

from api import selectors
from api.scheme import Resource
from api.selectors import FieldSelector
from apiserver.fields import INDEXED, check_known
from apiserver.node_groups import NODE_FIELDS, group_of, selected_group
from apiserver.storage.keys import object_key
from apiserver.stored import Stored


class Selection:
    """`namespace` "" means all; `name` "" means any; `index_value` None means any value of the indexed field.

    Raises `BadRequest` for selectors that do not parse or name unknown fields.
    """

    def __init__(
        self, resource: Resource, namespace: str = "", name: str = "", labels: str = "", fields: str = ""
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.index_value: str | None = None
        # Only objects of this group's nodes; "" for any.
        self.node_group = ""
        self._node_field = NODE_FIELDS.get(resource.group_resource, "")
        self._indexed = INDEXED.get(resource.group_resource, "")
        self._labels = selectors.labels(labels) if labels else None
        self._fields = self._take_fields(resource, selectors.fields(fields)) if fields else None
        # The name alone does not make a key while the namespace is open.
        scattered = bool(self.name) and resource.namespaced and not self.namespace
        self._name = self.name if scattered else ""
        self.key = object_key(self.namespace, self.name) if self.name and not scattered else ""
        # True when scope alone decides, so that no object needs to be looked at.
        self.everything = (
            self._labels is None
            and self._fields is None
            and self.index_value is None
            and not self.node_group
            and not scattered
        )

    def matches(self, stored: Stored) -> bool:
        """Whether the object is in, given that `in_scope` holds."""
        if self._name and stored.name != self._name:
            return False
        if self.index_value is not None:
            # Indexes know nothing of namespaces.
            if stored.fields[self._indexed] != self.index_value:
                return False
            if self.namespace and stored.namespace != self.namespace:
                return False
        if self.node_group and group_of(stored.fields[self._node_field]) != self.node_group:
            return False
        if self._labels is not None and not self._labels.matches(stored.labels):
            return False
        return self._fields is None or self._fields.matches(stored.fields)

    def in_scope(self, stored: Stored) -> bool:
        """Whether the object stands where the selection looks, selectors aside."""
        if self.key:
            return self.key == object_key(stored.namespace, stored.name)
        return not self.namespace or self.namespace == stored.namespace

    def _take_fields(self, resource: Resource, selector: FieldSelector) -> FieldSelector | None:
        """Take over what scope and index can answer; the selector itself if more remains."""
        rest = False
        for requirement in selector.requirements:
            field, value = requirement.field, requirement.value
            check_known(resource, field)
            if requirement.operator == "!=":
                rest = True
            elif field == self._node_field and (group := selected_group(value)) and self.node_group in ("", group):
                self.node_group = group
            elif field == "metadata.name" and self.name in ("", value):
                self.name = value
            elif field == "metadata.namespace" and self.namespace in ("", value):
                self.namespace = value
            elif field == self._indexed and self.index_value in (None, value):
                self.index_value = value
            else:
                rest = True
        return selector if rest else None
