"""Every namespace has the cluster's authority in a ConfigMap, for pods to know the API server by."""

from __future__ import annotations

from msgspec.structs import replace

from api.errors import AlreadyExists
from api.types import ConfigMap, Namespace, ObjectMeta
from controllers.context import Context

NAME = "root_ca_cert_publisher"
CONFIG_MAP = "kube-root-ca.crt"
KEY = "ca.crt"
ANNOTATION = "kubernetes.io/description"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of "
    "Kubernetes clusters."
)


class RootCAPublisher:
    """reconcile(namespace name): write the ConfigMap. certificates: PEM."""

    def __init__(self, context: Context, certificates: str) -> None:
        self._data = {KEY: certificates}
        self._namespaces = context.mirror(Namespace)
        self._config_maps = context.mirror(ConfigMap)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._namespaces.add_handler(self._namespace_changed)
        self._config_maps.add_handler(self._config_map_changed)

    async def reconcile(self, name: str) -> None:
        namespace = self._namespaces.get("", name)
        if namespace is None or namespace.status.phase == "Terminating":
            return
        existing = self._config_maps.get(name, CONFIG_MAP)
        try:
            if existing is None:
                metadata = ObjectMeta(name=CONFIG_MAP, namespace=name, annotations={ANNOTATION: DESCRIPTION})
                await self._config_maps.create(ConfigMap(metadata=metadata, data=self._data))
            elif existing.data != self._data:
                await self._config_maps.update(replace(existing, data=self._data))
        except AlreadyExists:
            return  # its event is on the way

    def _namespace_changed(self, _old: Namespace | None, new: Namespace | None) -> None:
        if new is not None:
            self._queue.add(new.metadata.name)

    def _config_map_changed(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        changed = new or old
        if changed is not None and changed.metadata.name == CONFIG_MAP:
            self._queue.add(changed.metadata.namespace)
