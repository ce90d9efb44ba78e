"""The cluster's zone: which records a name has, derived from Services and EndpointSlices at the moment of asking.

Pure apart from the look-ups it is given. Behaviour: the Kubernetes DNS-based service discovery specification 1.1.0,
and where that is silent CoreDNS's kubernetes plugin (endpoint names from addresses, SRV records at a service's own
name, `pods insecure`). Neighbour: `kubeproxy.dns.resolver` encodes and caches the answers.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from api.types import EndpointSlice, Service
from kubeproxy.dns.records import NO_SUCH_NAME, OUTSIDE, Answer, Outcome, Record, Type
from kubeproxy.ip_family import IPV4, IPV6, family_of

SCHEMA_VERSION = "1.1.0"
REVERSE_DOMAIN = ".in-addr.arpa"
REVERSE_DOMAIN_V6 = ".ip6.arpa"
IPV6_DIGITS = 32
_FAMILIES = {family.name: family for family in (IPV4, IPV6)}

ServiceKey = tuple[str, str]


class _Member(NamedTuple):
    """An endpoint of a headless service: its host label, its address, its named ports as (name, protocol, number)."""

    label: str
    address: str
    ports: tuple[tuple[str, str, int], ...]


class _Node(NamedTuple):
    """The records at a name, and the addresses that go with them."""

    records: list[Record]
    additional: list[Record]


_EMPTY = _Node([], [])


class Zone:
    """Answers questions about the cluster domain and the reverse names of the cluster's networks.

    service, slices: the objects as they are now, by (namespace, name). networks: CIDRs whose reverse names are ours.
    """

    def __init__(
        self,
        domain: str,
        address: str,
        networks: Iterable[str],
        service: Callable[[ServiceKey], Service | None],
        slices: Callable[[ServiceKey], Sequence[EndpointSlice]],
    ) -> None:
        self.domain = domain
        self._address = address
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._service = service
        self._slices = slices
        self._namespaces: Counter[str] = Counter()
        self._addresses_of: dict[ServiceKey, dict[str, str]] = {}
        self._names_of: dict[str, dict[ServiceKey, str]] = {}

    def refresh(self, key: ServiceKey) -> None:
        """Take note that a service or its endpoints changed: reverse names and namespaces are kept, not derived."""
        namespace = key[0]
        before = self._addresses_of.pop(key, None)
        if before is not None:
            self._namespaces[namespace] -= 1
            if not self._namespaces[namespace]:
                del self._namespaces[namespace]
            for address in before:
                del self._names_of[address][key]
                if not self._names_of[address]:
                    del self._names_of[address]
        service = self._service(key)
        if service is None:
            return
        self._namespaces[namespace] += 1
        self._addresses_of[key] = dict(self._reverse(service))
        for address, name in self._addresses_of[key].items():
            self._names_of.setdefault(address, {})[key] = name

    def owner(self, name: str) -> ServiceKey | None:
        """The service, existing or not, whose change can alter the answers at `name`; None when many can."""
        suffix = f".svc.{self.domain}"
        if not name.endswith(suffix):
            return None
        labels = name[: -len(suffix)].split(".")
        return (labels[-1], labels[-2]) if len(labels) > 1 else None

    def lookup(self, name: str, type: int) -> Answer:
        """The records of `type` at `name` (lower case, no final dot); a CNAME stands for all types."""
        if name == self.domain or name.endswith(f".{self.domain}"):
            node = self._at(name)
        elif name.endswith((REVERSE_DOMAIN, REVERSE_DOMAIN_V6)):
            return self._reverse_lookup(name, type)
        else:
            return OUTSIDE
        if node is None:
            return NO_SUCH_NAME
        records = tuple(record for record in node.records if record.type in (type, Type.CNAME))
        return Answer(Outcome.FOUND, records, tuple(node.additional) if type == Type.SRV else ())

    def _at(self, name: str) -> _Node | None:
        labels = name[: -len(self.domain)].rstrip(".").split(".")
        match labels:
            case [""]:
                return _Node([Record(name, Type.NS, f"ns.dns.{self.domain}"), Record(name, Type.SOA, "")], [])
            case ["dns-version"]:
                return _Node([Record(name, Type.TXT, SCHEMA_VERSION)], [])
            case ["ns", "dns"]:
                return _Node([Record(name, Type.A, self._address)], [])
            case ["dns"]:
                return _EMPTY
            case [*rest, "svc"]:
                return self._at_service(name, rest)
            case [*rest, "pod"]:
                return self._at_pod(name, rest)
            case _:
                return None

    def _at_pod(self, name: str, labels: list[str]) -> _Node | None:
        match labels:
            case [] | [_]:
                return _EMPTY
            case [dashed, _]:
                address = IPV4.canonical(dashed.replace("-", ".")) or IPV6.canonical(dashed.replace("-", ":"))
                return _Node([_host(name, address)], []) if address else None
            case _:
                return None

    def _at_service(self, name: str, labels: list[str]) -> _Node | None:
        if len(labels) < 2:
            return _EMPTY if not labels or labels[0] in self._namespaces else None
        *rest, service_name, namespace = labels
        key = (namespace, service_name)
        service = self._service(key)
        if service is None:
            return None
        if service.spec.type == "ExternalName":
            target = service.spec.external_name.rstrip(".").lower()
            return _Node([Record(name, Type.CNAME, target)], []) if not rest else None
        base = f"{service_name}.{namespace}.svc.{self.domain}"
        addresses = _cluster_addresses(service)
        if addresses:
            return _at_cluster_ip(service, addresses, name, base, rest)
        return _at_headless(list(self._members(service)), name, base, rest)

    def _members(self, service: Service) -> Iterator[_Member]:
        """The ready endpoints of a headless service."""
        key = (service.metadata.namespace, service.metadata.name)
        publish_all = service.spec.publish_not_ready_addresses
        for slice_ in self._slices(key):
            family = _FAMILIES.get(slice_.address_type)
            if family is None:
                continue
            ports = tuple(
                (p.name, (p.protocol or "TCP").lower(), p.port)
                for p in slice_.ports
                if p.name and p.port and 0 < p.port < 65_536
            )
            for endpoint in slice_.endpoints:
                if publish_all or endpoint.conditions.ready is not False:
                    for address in filter(None, map(family.canonical, endpoint.addresses[:1])):
                        yield _Member(endpoint.hostname or _label(address), address, ports)

    def _reverse(self, service: Service) -> Iterator[tuple[str, str]]:
        """The service's addresses and their names."""
        base = f"{service.metadata.name}.{service.metadata.namespace}.svc.{self.domain}"
        if service.spec.type == "ExternalName":
            return
        addresses = _cluster_addresses(service)
        if addresses:
            yield from ((address, base) for address in addresses)
            return
        for member in self._members(service):
            yield member.address, f"{member.label}.{base}"

    def _reverse_lookup(self, name: str, type: int) -> Answer:
        address = _reversed(name)
        if not address:
            return OUTSIDE
        names = self._names_of.get(address)
        if names:
            records = tuple(Record(name, Type.PTR, target) for target in dict.fromkeys(names.values()))
            return Answer(Outcome.FOUND, records if type == Type.PTR else ())
        ours = any(ipaddress.ip_address(address) in network for network in self._networks)
        return NO_SUCH_NAME if ours else OUTSIDE


def _host(name: str, address: str) -> Record:
    """The record of a name's address, by its family."""
    return Record(name, Type.AAAA if family_of(address) is IPV6 else Type.A, address)


def _label(address: str) -> str:
    """An endpoint's name where it has no other."""
    return address.replace(".", "-").replace(":", "-")


def _cluster_addresses(service: Service) -> list[str]:
    """The service's cluster IPs; none of a headless one."""
    given = service.spec.cluster_ips or [service.spec.cluster_ip]
    return [address for text in given if (address := family_of(text).canonical(text))]


def _reversed(name: str) -> str:
    """The address that a reverse name is of; "" when it is of none."""
    if name.endswith(REVERSE_DOMAIN):
        return IPV4.canonical(".".join(reversed(name.removesuffix(REVERSE_DOMAIN).split("."))))
    digits = name.removesuffix(REVERSE_DOMAIN_V6).split(".")[::-1]
    if len(digits) != IPV6_DIGITS or any(len(digit) != 1 for digit in digits):
        return ""
    text = "".join(digits)
    return IPV6.canonical(":".join(text[start : start + 4] for start in range(0, IPV6_DIGITS, 4)))


def _at_cluster_ip(service: Service, addresses: list[str], name: str, base: str, rest: list[str]) -> _Node | None:
    """At the service's own name, `_PROTOCOL` or `_PORT._PROTOCOL` below it."""
    hosts = [_host(base, address) for address in addresses]
    ports = [(port.name, (port.protocol or "TCP").lower(), port.port) for port in service.spec.ports]
    match rest:
        case []:
            locations = [Record(name, Type.SRV, base, number) for _, _, number in ports]
            return _Node([*hosts, *locations], hosts)
        case [protocol]:
            return _EMPTY if any(port[0] and f"_{port[1]}" == protocol for port in ports) else None
        case [port_name, protocol]:
            named = [port for port in ports if port[0] and (f"_{port[0]}", f"_{port[1]}") == (port_name, protocol)]
            return _Node([Record(name, Type.SRV, base, port[2]) for port in named], hosts) if named else None
        case _:
            return None


def _at_headless(members: list[_Member], name: str, base: str, rest: list[str]) -> _Node | None:
    """As for a cluster IP, but one record an endpoint; and at the endpoints' own names."""
    match rest:
        case []:
            chosen = [(member, port) for member in members for port in member.ports]
            return _members_node(name, base, members, chosen) if members else None
        case [label]:
            addresses = dict.fromkeys(member.address for member in members if member.label == label)
            if addresses:
                return _Node([_host(name, address) for address in addresses], [])
            return _EMPTY if any(f"_{port[1]}" == label for member in members for port in member.ports) else None
        case [port_name, protocol]:
            wanted = (port_name, protocol)
            chosen = [(m, port) for m in members for port in m.ports if (f"_{port[0]}", f"_{port[1]}") == wanted]
            return _members_node(name, base, [], chosen) if chosen else None
        case _:
            return None


def _members_node(
    name: str, base: str, members: list[_Member], chosen: list[tuple[_Member, tuple[str, str, int]]]
) -> _Node:
    """Address records of `members`, SRV records of the chosen ports, and the addresses of those."""
    addresses = [_host(name, address) for address in dict.fromkeys(m.address for m in members)]
    locations = [Record(name, Type.SRV, f"{m.label}.{base}", port[2]) for m, port in chosen]
    glue = dict.fromkeys(_host(f"{m.label}.{base}", m.address) for m, _ in chosen)
    return _Node([*addresses, *dict.fromkeys(locations)], list(glue))
