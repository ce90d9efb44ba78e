"""Which pods a Service reaches, and on which ports.

Source: upstream's endpointslice and endpoints utilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.types import Container, ContainerPort, Pod, Service, ServicePort
from controllers.pods import is_ready, is_terminal

IPV4 = "IPv4"
IPV6 = "IPv6"
NO_CLUSTER_IP = "None"


def has_backends(service: Service) -> bool:
    """The service's endpoints are ours to keep: it selects pods."""
    return bool(service.spec.selector) and service.spec.type != "ExternalName"


def selects(service: Service, labels: Mapping[str, str]) -> bool:
    """The service's selector matches; a service without one selects nothing."""
    selector = service.spec.selector
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def is_headless(service: Service) -> bool:
    return service.spec.cluster_ip == NO_CLUSTER_IP


def families(service: Service) -> list[str]:
    """The address types to publish; IPv4 when the service does not say."""
    return list(service.spec.ip_families) or [IPV4]


def has_address(pod: Pod) -> bool:
    """The pod lives and can be reached."""
    return bool(pod.status.pod_ip) and not is_terminal(pod)


def addresses(pod: Pod, family: str) -> list[str]:
    """The pod's addresses of a family."""
    ips = [entry.ip for entry in pod.status.pod_ips] or [pod.status.pod_ip]
    return [ip for ip in ips if ip and family_of(ip) == family]


def family_of(ip: str) -> str:
    """The address type of an address that the API server has found to be one."""
    return IPV6 if ":" in ip else IPV4


def published_hostname(service: Service, pod: Pod) -> str:
    """The pod's hostname, if it is one within this service's domain."""
    spec = pod.spec
    return spec.hostname if spec.hostname and spec.subdomain == service.metadata.name else ""


def target_port(pod: Pod, port: ServicePort) -> int | None:
    """Where the pod listens for a service port; None when it has no port of the name asked for."""
    target = port.target_port
    if isinstance(target, int):
        return target or port.port
    return next(
        (
            declared.container_port
            for declared in _declared_ports(pod)
            if declared.name == target and (declared.protocol or "TCP") == (port.protocol or "TCP")
        ),
        None,
    )


def _declared_ports(pod: Pod) -> Iterable[ContainerPort]:
    sidecars: list[Container] = [c for c in pod.spec.init_containers if c.restart_policy == "Always"]
    return (port for container in (*pod.spec.containers, *sidecars) for port in container.ports)


def concerns_endpoints(old: Pod, new: Pod) -> bool:
    """The pod changed in something endpoints show."""
    return (
        old.status.pod_ips != new.status.pod_ips
        or old.status.pod_ip != new.status.pod_ip
        or old.spec.node_name != new.spec.node_name
        or is_ready(old) != is_ready(new)
        or is_terminal(old) != is_terminal(new)
        or old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        or old.metadata.labels != new.metadata.labels
    )
