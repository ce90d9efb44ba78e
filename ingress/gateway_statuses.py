"""Tells people of the Gateway API's kinds: writes the statuses of classes, Gateways and routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api import codec
from api.errors import NotFound
from api.types import Gateway, GatewayClass, HTTPRoute
from cluster.client import Client
from cluster.controller import Controller
from cluster.workqueue import WorkQueue
from ingress.classes import CONTROLLER
from ingress.gateway.reports import Reports
from ingress.gateway.wanted import class_status, gateway_status, route_status
from ingress.sources import Sources

NAME = "gateway-status"

# A record type, namespace and name.
Key = tuple[type[Any], str, str]


class GatewayStatuses:
    """address: where Gateways are reached. now: the time, in seconds since the epoch."""

    def __init__(self, client: Client, sources: Sources, address: str, now: Callable[[], float]) -> None:
        self._client = client
        self._sources = sources
        self._address = address
        self._now = now
        self._reports: Reports | None = None
        self._queue: WorkQueue[Key] = WorkQueue()
        self.controller = Controller(NAME, self._queue, self.reconcile)
        for informer in (sources.gateway_classes, sources.gateways, sources.routes):
            informer.add_handler(self._changed)

    def report(self, reports: Reports) -> None:
        """Bring every status up to date."""
        self._reports = reports
        for informer in (self._sources.gateway_classes, self._sources.gateways, self._sources.routes):
            for record in informer.items():
                self._changed(None, record)

    def _changed(self, old: Any, new: Any) -> None:
        if new is not None and self._change(new) is not None:
            self._queue.add((type(new), new.metadata.namespace, new.metadata.name))

    async def reconcile(self, key: Key) -> None:
        kind, namespace, name = key
        record = self._get(kind, namespace, name)
        status = self._change(record) if record is not None else None
        if status is None:
            return
        # Of the object that was looked at: parents and conditions of others are among what is written.
        body = {"metadata": {"resourceVersion": record.metadata.resource_version}, "status": status}
        try:
            await self._client.patch(kind, name, namespace, body, subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _get(self, kind: type[Any], namespace: str, name: str) -> Any:
        sources = self._sources
        informers: dict[type[Any], Any] = {
            GatewayClass: sources.gateway_classes,
            Gateway: sources.gateways,
            HTTPRoute: sources.routes,
        }
        return informers[kind].get(namespace, name)

    def _change(self, record: Any) -> dict[str, Any] | None:
        """The status to write, with empty lists; None when it is right, or not known yet."""
        wanted = self._wanted(record)
        if wanted is None or wanted == record.status:
            return None
        return {**_empty(record), **codec.to_tree(wanted)}

    def _wanted(self, record: Any) -> Any:
        key = (record.metadata.namespace, record.metadata.name)
        if isinstance(record, GatewayClass):
            return class_status(record, self._now()) if record.spec.controller_name == CONTROLLER else None
        if self._reports is None:
            return None
        if isinstance(record, Gateway):
            report = self._reports.gateways.get(key)
            if report is None or report.generation != record.metadata.generation:
                return None
            return gateway_status(record, report, self._address, self._now())
        found = self._reports.routes.get(key)
        if found is not None and found.generation != record.metadata.generation:
            return None
        return route_status(record, found, self._now())


def _empty(record: Any) -> dict[str, Any]:
    """What a merge patch has to say to clear lists."""
    return {"addresses": [], "listeners": []} if isinstance(record, Gateway) else {}
