"""Services and EndpointSlices as tests write them."""

from __future__ import annotations

from typing import Any

from api import codec
from api.types import EndpointSlice, Service


def service(name: str = "web", namespace: str = "default", **spec: Any) -> Service:
    """A service on 10.96.0.50:80 unless told otherwise; fields in the API's spelling."""
    tree = {"clusterIP": "10.96.0.50", "ports": [{"port": 80}], **spec}
    return codec.from_tree(Service, {"metadata": {"name": name, "namespace": namespace}, "spec": tree})


def endpoint(address: str, node: str = "here", **more: Any) -> dict[str, Any]:
    """An endpoint, as a tree."""
    return {"addresses": [address], "nodeName": node, **more}


def endpoint_slice(
    *endpoints: dict[str, Any] | str,
    name: str = "web-1",
    service: str = "web",
    namespace: str = "default",
    ports: list[dict[str, Any]] | None = None,
    address_type: str = "IPv4",
) -> EndpointSlice:
    """A slice of these endpoints, or of ready ones on the node "here" at these addresses."""
    tree = {
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": service}},
        "addressType": address_type,
        "ports": ports if ports is not None else [{"port": 8080, "protocol": "TCP"}],
        "endpoints": [endpoint(one) if isinstance(one, str) else one for one in endpoints],
    }
    return codec.from_tree(EndpointSlice, tree)
