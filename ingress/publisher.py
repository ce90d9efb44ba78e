"""Informers in, snapshots out: compiles what changed, and only that, and gives it to the discovery server.

A change of endpoints concerns one resource. A change of an Ingress, a Gateway, an HTTPRoute, of a class, or of a
Service or Secret that one of them names compiles the tables anew; many such changes at once are compiled together.
Neighbours: `rules` and `gateway` compile, `xds` encodes, `statuses` and `gateway_statuses` tell people.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from api.types import EndpointSlice, Gateway, Ingress, Namespace, Secret, Service
from ingress import backends, certificates, classes, metrics, ports, rules
from ingress.entries import entries
from ingress.gateway import compile as gateways
from ingress.gateway.references import Grants
from ingress.gateway.reports import Reports
from ingress.model import ANY_HOST, Backend, Certificate, Entry, Key, Problem
from ingress.sources import SERVICE_INDEX, Sources, service_of
from ingress.xds import clusters, listeners, routes
from ingress.xds.listeners import Bind
from ingress.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource, Snapshot

DEFAULT_CERTIFICATE = "default"
WITHOUT_CERTIFICATE = "its hosts are served with the default certificate"
# Of the time, at most a fifth goes into compiling, however often things change.
REST_FACTOR = 4.0
# How soon a port that somebody else had is looked at again.
PORT_SECONDS = 10.0

Problems = Mapping[Key, list[Problem]]


class Publisher:
    """publish: takes each new snapshot. tell: takes what is wrong with the Ingresses whenever they were compiled.

    report: the same for Gateways and routes. default_certificate: what hosts without one are served with; None closes
    such connections.
    """

    def __init__(
        self,
        sources: Sources,
        bind: Bind,
        default_certificate: Certificate | None,
        publish: Callable[[Snapshot], None],
        tell: Callable[[Problems], None],
        report: Callable[[Reports], None],
    ) -> None:
        self._sources = sources
        self._bind = bind
        self._default_certificate = default_certificate
        self._publish = publish
        self._tell = tell
        self._report = report
        # The Services that the tables ask for, and the Secrets with what is in them: there or not.
        self._services: set[Key] = set()
        self._certificates: dict[Key, Certificate | Problem] = {}
        # Ports that Gateways ask for, which others on the host have.
        self._in_the_way: set[int] = set()
        self._backends_of: dict[Key, list[Backend]] = {}
        self._snapshot: dict[str, dict[str, Resource]] = {}
        self._stale = True
        self._stale_endpoints: set[Key] = set()
        self._awake = asyncio.Event()
        wishes = (sources.ingresses, sources.classes, sources.gateway_classes)
        for informer in (*wishes, sources.gateways, sources.routes, sources.grants):
            informer.add_handler(self._wish_changed)
        sources.namespaces.add_handler(self._namespace_changed)
        sources.services.add_handler(self._service_changed)
        sources.secrets.add_handler(self._secret_changed)
        sources.slices.add_handler(self._slice_changed)

    def is_ours(self, ingress: Ingress) -> bool:
        return classes.is_ours(ingress, lambda name: self._sources.classes.get("", name))

    def is_our_gateway(self, gateway: Gateway) -> bool:
        return classes.is_our_gateway(gateway, lambda name: self._sources.gateway_classes.get("", name))

    async def run(self) -> None:
        """Publish what changes, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._awake.wait(), PORT_SECONDS if self._in_the_way else None)
            except TimeoutError:
                self._stale = True
            self._awake.clear()
            took = self.sync()
            await asyncio.sleep(took * REST_FACTOR)

    def sync(self) -> float:
        """Publish now; how long compiling took, in seconds."""
        started = time.monotonic()
        compiling = self._stale
        if compiling:
            self._stale = False
            self._compile()
        for key in self._stale_endpoints:
            for backend in self._backends_of.get(key, ()):
                self._snapshot[ENDPOINTS][backend.name] = self._endpoints(backend)
        self._stale_endpoints.clear()
        self._publish({type_url: dict(found) for type_url, found in self._snapshot.items()})
        if not compiling:
            return 0.0
        took = time.monotonic() - started
        metrics.compile_seconds.observe(took)
        return took

    def _compile(self) -> None:
        self._certificates, self._in_the_way = {}, set()
        ours = [each for each in _lasting(self._sources.ingresses.items()) if self.is_ours(each)]
        compiled = rules.compile(ours, self._sources.services.get)
        http, https = self._bind.http[1], self._bind.https[1]
        others = gateways.compile(self._world(), {http: False, https: True})
        self._services = compiled.services | others.services
        found = entries(http, https, compiled.table, others.entries)
        self._encode(found)
        # Those of Ingresses are at two ports.
        metrics.routes.set(
            len({(host.name, each) for entry in found for host in entry.table.hosts for each in host.routes})
        )
        self._tell({_key(each): [*compiled.problems.get(_key(each), ()), *self._refused(each)] for each in ours})
        self._report(others.reports)

    def _world(self) -> gateways.World:
        sources = self._sources
        return gateways.World(
            gateways=[each for each in _lasting(sources.gateways.items()) if self.is_our_gateway(each)],
            routes=_lasting(sources.routes.items()),
            grants=Grants(sources.grants.items()),
            service_of=sources.services.get,
            certificate_of=self._certificate,
            labels_of=self._labels,
            address=self._bind.http[0],
            is_free=self._is_free,
        )

    def _is_free(self, port: int) -> bool:
        """Whether a port can be had, which is looked at once for each table; those in the way again after a while."""
        found = ports.is_free(self._bind.http[0], port)
        if not found:
            self._in_the_way.add(port)
        return found

    def _encode(self, found: list[Entry]) -> None:
        wanted = {name: backend for entry in found for name, backend in entry.table.backends().items()}
        self._backends_of = {}
        for backend in wanted.values():
            self._backends_of.setdefault(backend.key, []).append(backend)
        secrets = {entry.name: self._secrets_of(entry) for entry in found if entry.tls}
        self._snapshot = {
            SECRET: {name: clusters.secret(name, each) for name, each in self._usable().items()},
            CLUSTER: {name: clusters.cluster(backend) for name, backend in wanted.items()},
            ENDPOINTS: {name: self._endpoints(backend) for name, backend in wanted.items()},
            LISTENER: _by_name(listeners.listeners(self._bind, found, secrets)),
            ROUTES: _by_name(routes.configurations(found)),
        }
        self._stale_endpoints.clear()

    def _certificate(self, key: Key) -> Certificate | Problem:
        """What is in a Secret, which is looked into once for each table."""
        if key not in self._certificates:
            self._certificates[key] = certificates.read(key, self._sources.secrets.get(*key))
        return self._certificates[key]

    def _secrets_of(self, entry: Entry) -> dict[str, str]:
        """The names of secrets that can be used, by host."""
        by_host = {
            host: "/".join(key)
            for host, key in entry.table.certificates.items()
            if isinstance(self._certificate(key), Certificate)
        }
        if self._default_certificate is not None:
            by_host.setdefault(ANY_HOST, DEFAULT_CERTIFICATE)
        return by_host

    def _usable(self) -> dict[str, Certificate]:
        found = {"/".join(key): each for key, each in sorted(self._certificates.items(), key=lambda item: item[0])}
        usable = {name: each for name, each in found.items() if isinstance(each, Certificate)}
        if self._default_certificate is not None:
            usable[DEFAULT_CERTIFICATE] = self._default_certificate
        return usable

    def _refused(self, ingress: Ingress) -> list[Problem]:
        """What is wrong with the certificates of an Ingress."""
        names = [entry.secret_name for entry in ingress.spec.tls if entry.secret_name]
        found = [self._certificate((ingress.metadata.namespace, name)) for name in names]
        wrong = [each for each in found if isinstance(each, Problem)]
        return [replace(each, message=f"{each.message}: {WITHOUT_CERTIFICATE}") for each in wrong]

    def _labels(self, namespace: str) -> Mapping[str, str]:
        found = self._sources.namespaces.get("", namespace)
        return found.metadata.labels if found is not None else {}

    def _endpoints(self, backend: Backend) -> Resource:
        slices = self._sources.slices.by_index(SERVICE_INDEX, backend.key)
        return clusters.endpoints(backend.name, backends.endpoints(backend, slices))

    def _table_changed(self) -> None:
        self._stale = True
        self._awake.set()

    def _wish_changed(self, old: Any, new: Any) -> None:
        # Not for what only its status says, which is our own writing mostly.
        if _meaning(old) != _meaning(new):
            self._table_changed()

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if (old.metadata.labels if old is not None else {}) != (new.metadata.labels if new is not None else {}):
            self._table_changed()

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if _key(new or old) in self._services:
            self._table_changed()

    def _secret_changed(self, old: Secret | None, new: Secret | None) -> None:
        if _key(new or old) in self._certificates:
            self._table_changed()

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for each in (old, new):
            for key in service_of(each) if each is not None else ():
                if key in self._backends_of:
                    self._stale_endpoints.add(key)
                    self._awake.set()


def _lasting(records: Iterable[Any]) -> list[Any]:
    """Those that are not being deleted."""
    return [each for each in records if not each.metadata.deletion_timestamp]


def _meaning(record: Any) -> object:
    """What the tables go by."""
    if record is None:
        return None
    metadata = record.metadata
    return metadata.uid, metadata.generation, record.spec, metadata.annotations, metadata.deletion_timestamp


def _by_name(resources: list[Resource]) -> dict[str, Resource]:
    return {each.name: each for each in resources}


def _key(record: Ingress | Service | Secret | None) -> Key:
    assert record is not None
    return record.metadata.namespace, record.metadata.name
