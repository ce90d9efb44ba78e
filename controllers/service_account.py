"""Every namespace has a ServiceAccount named `default`."""

from __future__ import annotations

from api.errors import AlreadyExists
from api.types import Namespace, ObjectMeta, ServiceAccount
from controllers.context import Context

NAME = "serviceaccount"
DEFAULT = "default"


class ServiceAccountController:
    """reconcile(namespace name): make its default account."""

    def __init__(self, context: Context) -> None:
        self._namespaces = context.mirror(Namespace)
        self._accounts = context.mirror(ServiceAccount)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._namespaces.add_handler(self._namespace_changed)
        self._accounts.add_handler(self._account_changed)

    async def reconcile(self, name: str) -> None:
        namespace = self._namespaces.get("", name)
        if namespace is None or namespace.status.phase == "Terminating":
            return
        if self._accounts.get(name, DEFAULT) is not None:
            return
        account = ServiceAccount(metadata=ObjectMeta(name=DEFAULT, namespace=name))
        try:
            await self._accounts.create(account)
        except AlreadyExists:
            return

    def _namespace_changed(self, _old: Namespace | None, new: Namespace | None) -> None:
        if new is not None:
            self._queue.add(new.metadata.name)

    def _account_changed(self, old: ServiceAccount | None, new: ServiceAccount | None) -> None:
        if new is None and old is not None and old.metadata.name == DEFAULT:
            self._queue.add(old.metadata.namespace)
