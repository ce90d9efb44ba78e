"""Who may refer to what in another namespace: ReferenceGrants (upstream: GEP-709). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from api.types import ReferenceGrant
from api.types.gateway_references import GATEWAY_GROUP

CORE = ""


class Grants:
    """All grants there are, to be asked."""

    def __init__(self, grants: Iterable[ReferenceGrant]) -> None:
        self._by_namespace: dict[str, list[ReferenceGrant]] = {}
        for grant in grants:
            self._by_namespace.setdefault(grant.metadata.namespace, []).append(grant)

    def allow(self, from_kind: str, from_namespace: str, to_kind: str, to_namespace: str, to_name: str) -> bool:
        """Whether a Gateway or HTTPRoute may refer to a Secret or Service. In its own namespace it always may."""
        if from_namespace == to_namespace:
            return True
        return any(
            any(
                (each.group, each.kind, each.namespace) == (GATEWAY_GROUP, from_kind, from_namespace)
                for each in grant.spec.from_
            )
            and any(
                (each.group, each.kind) == (CORE, to_kind) and each.name in (None, "", to_name)
                for each in grant.spec.to
            )
            for grant in self._by_namespace.get(to_namespace, ())
        )
