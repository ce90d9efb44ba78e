"""Informers in, snapshots out: compiles what changed, and only that, and gives it to the discovery server.

A change of endpoints concerns one resource. A change of an Ingress, of a class, or of a Service or Secret that some
Ingress names compiles the table anew; many such changes at once are compiled together.
Neighbours: `rules` compiles, `xds` encodes, `statuses` tells people.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from api.types import EndpointSlice, Ingress, Secret, Service
from cluster.logs import get_logger
from ingress import backends, certificates, classes, metrics, rules
from ingress.model import ANY_HOST, Backend, Certificate, Key, Problem
from ingress.rules import Compiled
from ingress.sources import SERVICE_INDEX, Sources, service_of
from ingress.xds import clusters, listeners, routes
from ingress.xds.listeners import Bind
from ingress.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource, Snapshot

DEFAULT_CERTIFICATE = "default"
# Of the time, at most a fifth goes into compiling, however often things change.
REST_FACTOR = 4.0

log = get_logger()

Problems = Mapping[Key, list[Problem]]


class Publisher:
    """publish: takes each new snapshot. tell: takes what is wrong with the Ingresses whenever they were compiled.

    default_certificate: what hosts without one are served with; None closes such connections.
    """

    def __init__(
        self,
        sources: Sources,
        bind: Bind,
        default_certificate: Certificate | None,
        publish: Callable[[Snapshot], None],
        tell: Callable[[Problems], None],
    ) -> None:
        self._sources = sources
        self._bind = bind
        self._default_certificate = default_certificate
        self._publish = publish
        self._tell = tell
        self._compiled: Compiled | None = None
        self._backends: dict[str, Backend] = {}
        self._backends_of: dict[Key, list[Backend]] = {}
        self._snapshot: dict[str, dict[str, Resource]] = {}
        self._stale = True
        self._stale_endpoints: set[Key] = set()
        self._awake = asyncio.Event()
        sources.ingresses.add_handler(self._ingress_changed)
        sources.classes.add_handler(lambda old, new: self._table_changed())
        sources.services.add_handler(self._service_changed)
        sources.secrets.add_handler(self._secret_changed)
        sources.slices.add_handler(self._slice_changed)

    def is_ours(self, ingress: Ingress) -> bool:
        return classes.is_ours(ingress, lambda name: self._sources.classes.get("", name))

    async def run(self) -> None:
        """Publish what changes, until cancelled."""
        while True:
            await self._awake.wait()
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
        ours = [
            each
            for each in self._sources.ingresses.items()
            if self.is_ours(each) and not each.metadata.deletion_timestamp
        ]
        compiled = self._compiled = rules.compile(ours, self._sources.services.get)
        metrics.routes.set(sum(len(host.routes) for host in compiled.table.hosts))
        self._backends = compiled.table.backends()
        self._backends_of = {}
        for backend in self._backends.values():
            self._backends_of.setdefault(backend.key, []).append(backend)
        self._snapshot = {
            **self._secured(compiled),
            CLUSTER: {name: clusters.cluster(backend) for name, backend in self._backends.items()},
            ENDPOINTS: {name: self._endpoints(backend) for name, backend in self._backends.items()},
            ROUTES: _by_name(routes.configurations(compiled.table)),
        }
        self._stale_endpoints.clear()
        self._tell({_key(each): compiled.problems.get(_key(each), []) for each in ours})

    def _secured(self, compiled: Compiled) -> dict[str, dict[str, Resource]]:
        """Secrets that can be used, and listeners that use them; of the others people are told."""
        found = {key: certificates.read(key, self._sources.secrets.get(*key)) for key in sorted(compiled.secrets)}
        usable = {"/".join(key): each for key, each in found.items() if isinstance(each, Certificate)}
        if self._default_certificate is not None:
            usable[DEFAULT_CERTIFICATE] = self._default_certificate
        by_host = {
            host: "/".join(key)
            for host, key in compiled.table.certificates.items()
            if isinstance(found.get(key), Certificate)
        }
        if self._default_certificate is not None:
            by_host.setdefault(ANY_HOST, DEFAULT_CERTIFICATE)
        for ingress in self._sources.ingresses.items():
            for entry in ingress.spec.tls:
                problem = found.get((ingress.metadata.namespace, entry.secret_name))
                if isinstance(problem, Problem) and self.is_ours(ingress):
                    compiled.problems.setdefault(_key(ingress), []).append(problem)
        return {
            SECRET: {name: clusters.secret(name, certificate) for name, certificate in usable.items()},
            LISTENER: _by_name(listeners.listeners(self._bind, by_host)),
        }

    def _endpoints(self, backend: Backend) -> Resource:
        slices = self._sources.slices.by_index(SERVICE_INDEX, backend.key)
        return clusters.endpoints(backend.name, backends.endpoints(backend, slices))

    def _table_changed(self) -> None:
        self._stale = True
        self._awake.set()

    def _ingress_changed(self, old: Ingress | None, new: Ingress | None) -> None:
        # Not for what only its status says, which is our own writing mostly.
        if _meaning(old) != _meaning(new):
            self._table_changed()

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if self._compiled is not None and _key(new or old) in self._compiled.services:
            self._table_changed()

    def _secret_changed(self, old: Secret | None, new: Secret | None) -> None:
        if self._compiled is not None and _key(new or old) in self._compiled.secrets:
            self._table_changed()

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for each in (old, new):
            for key in service_of(each) if each is not None else ():
                if key in self._backends_of:
                    self._stale_endpoints.add(key)
                    self._awake.set()


def _meaning(ingress: Ingress | None) -> object:
    """What the table goes by."""
    if ingress is None:
        return None
    metadata = ingress.metadata
    return metadata.uid, ingress.spec, metadata.annotations, metadata.deletion_timestamp


def _by_name(resources: list[Resource]) -> dict[str, Resource]:
    return {each.name: each for each in resources}


def _key(record: Ingress | Service | Secret | None) -> Key:
    assert record is not None
    return record.metadata.namespace, record.metadata.name
