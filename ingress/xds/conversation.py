"""One proxy's stream, decided: what it has, what it asked for, what to tell it next (xDS, delta variant). Pure.

                      receive: subscribe, ack, nack
        proxy ──────────────────────────────────────► Conversation ── advance(snapshot) ──► the next response, or None

Order is what keeps requests whole (Envoy's documentation, "Eventual consistency considerations"): clusters, then their
endpoints, then listeners and routes that need them; what is not needed any more goes last, after the routes.
One response of a type is on its way at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.any_pb2 import Any as AnyMessage

from cluster.pb import xds_pb2 as pb
from ingress.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource, Resources, Snapshot

ORDER = (SECRET, CLUSTER, ENDPOINTS, LISTENER, ROUTES)
# The proxy follows all there are; of other types it asks for each by name.
_ALL_OF = frozenset({CLUSTER, LISTENER})
_EVERYTHING = "*"
_NONE: Resources = {}


@dataclass(slots=True)
class _Type:
    """What the proxy knows of one type. pending: the response it has not acknowledged yet; "" for none."""

    subscribed: set[str] = field(default_factory=set)
    versions: dict[str, str] = field(default_factory=dict)
    pending: str = ""
    greeted: bool = False
    refused: bool = False


class Conversation:
    def __init__(self) -> None:
        self._types: dict[str, _Type] = {}
        self._count = 0

    def receive(self, request: pb.DeltaDiscoveryRequest) -> str:
        """Take in what the proxy says; what it refused and why, in its words, "" for nothing."""
        state = self._types.get(request.type_url)
        if state is None:
            state = self._types[request.type_url] = _Type()
            state.versions.update(request.initial_resource_versions)
        for name in request.resource_names_subscribe:
            # It wants to be told, even what it was told before.
            state.subscribed.add(name)
            if name not in request.initial_resource_versions:
                state.versions.pop(name, None)
        for name in request.resource_names_unsubscribe:
            state.subscribed.discard(name)
            state.versions.pop(name, None)
        if not request.response_nonce or request.response_nonce != state.pending:
            return ""
        state.pending = ""
        state.refused = request.HasField("error_detail")
        return str(request.error_detail.message) or "no reason given" if state.refused else ""

    def settled(self, snapshot: Snapshot) -> bool:
        """Whether the proxy has all of the snapshot that it asked for, and has asked for routes at all."""
        routes = self._types.get(ROUTES)
        return (
            routes is not None and bool(routes.subscribed) and all(self._is_settled(each, snapshot) for each in ORDER)
        )

    def advance(self, snapshot: Snapshot) -> pb.DeltaDiscoveryResponse | None:
        """The next thing to tell; None when there is nothing, or it must wait for the proxy."""
        for type_url in ORDER:
            state = self._types.get(type_url)
            if state is None or state.pending or not self._may_go(type_url, snapshot):
                continue
            changed = self._changed(type_url, state, snapshot)
            gone = self._gone(type_url, state, snapshot)
            if changed or gone or (type_url in _ALL_OF and not state.greeted):
                return self._say(type_url, state, changed, gone)
        return None

    def _say(self, type_url: str, state: _Type, changed: list[Resource], gone: list[str]) -> pb.DeltaDiscoveryResponse:
        self._count += 1
        state.pending, state.greeted = str(self._count), True
        for name in gone:
            del state.versions[name]
        for each in changed:
            if type_url == CLUSTER and each.name in state.versions and ENDPOINTS in self._types:
                # A cluster that changed waits for its endpoints again.
                self._types[ENDPOINTS].versions.pop(each.name, None)
            state.versions[each.name] = each.version
        return pb.DeltaDiscoveryResponse(
            type_url=type_url,
            nonce=state.pending,
            resources=[_encoded(type_url, each) for each in changed],
            removed_resources=gone,
        )

    def _changed(self, type_url: str, state: _Type, snapshot: Snapshot) -> list[Resource]:
        there = snapshot.get(type_url, _NONE)
        names = there if type_url in _ALL_OF else state.subscribed & there.keys()
        return [there[name] for name in sorted(names) if state.versions.get(name) != there[name].version]

    def _gone(self, type_url: str, state: _Type, snapshot: Snapshot) -> list[str]:
        """What to take away: clusters only once no route leads to them. The rest goes with what referred to it."""
        if type_url not in _ALL_OF or (type_url == CLUSTER and not self._is_settled(ROUTES, snapshot)):
            return []
        return sorted(state.versions.keys() - snapshot.get(type_url, _NONE).keys())

    def _may_go(self, type_url: str, snapshot: Snapshot) -> bool:
        return type_url not in (LISTENER, ROUTES) or self._backends_known(snapshot)

    def _backends_known(self, snapshot: Snapshot) -> bool:
        """Whether requests can be sent to every cluster: all are there, with their endpoints."""
        clusters, endpoints = self._types.get(CLUSTER), self._types.get(ENDPOINTS)
        if clusters is None:
            return False
        if clusters.pending or self._changed(CLUSTER, clusters, snapshot):
            return False
        names = snapshot.get(CLUSTER, _NONE).keys()
        if not names or clusters.refused:
            return True
        if endpoints is None or not names <= endpoints.subscribed:
            return False
        return not endpoints.pending and not self._changed(ENDPOINTS, endpoints, snapshot)

    def _is_settled(self, type_url: str, snapshot: Snapshot) -> bool:
        state = self._types.get(type_url)
        return state is None or (not state.pending and not self._changed(type_url, state, snapshot))


def _encoded(type_url: str, resource: Resource) -> pb.Resource:
    return pb.Resource(
        name=resource.name,
        version=resource.version,
        resource=AnyMessage(type_url=type_url, value=resource.body),
    )
