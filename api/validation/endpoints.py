"""Endpoints and EndpointSlices."""

from __future__ import annotations

from collections.abc import Sequence

from api import names
from api.errors import FieldError
from api.types import Endpoint, EndpointAddress, EndpointPort, Endpoints, EndpointSlice, EndpointSlicePort
from api.validation.checks import (
    PROTOCOLS,
    Errors,
    immutable,
    ip_address,
    is_ipv6,
    non_special_ip,
    one_of,
    required,
    well_formed,
)

_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_MAX_ENDPOINTS = 1000
_MAX_ADDRESSES = 100
_MAX_PORTS = 20000
_MAX_HINTS = 8


def endpoints(endpoints: Endpoints) -> Errors:
    for index, subset in enumerate(endpoints.subsets):
        path = f"subsets[{index}]"
        if not subset.addresses and not subset.not_ready_addresses:
            yield FieldError.required(path, "must specify `addresses` or `notReadyAddresses`")
        for number, address in enumerate(subset.addresses):
            yield from _address(address, f"{path}.addresses[{number}]")
        for number, address in enumerate(subset.not_ready_addresses):
            yield from _address(address, f"{path}.notReadyAddresses[{number}]")
        for number, port in enumerate(subset.ports):
            yield from _port(port, len(subset.ports) > 1, f"{path}.ports[{number}]")


def endpoint_slice(endpoint_slice: EndpointSlice) -> Errors:
    yield from one_of(endpoint_slice.address_type, "addressType", _ADDRESS_TYPES)
    if len(endpoint_slice.endpoints) > _MAX_ENDPOINTS:
        yield FieldError.too_many("endpoints", len(endpoint_slice.endpoints), _MAX_ENDPOINTS)
    else:
        for index, endpoint in enumerate(endpoint_slice.endpoints):
            yield from _endpoint(endpoint, endpoint_slice.address_type, f"endpoints[{index}]")
    yield from _slice_ports(endpoint_slice.ports, "ports")


def endpoint_slice_update(new: EndpointSlice, old: EndpointSlice) -> Errors:
    yield from endpoint_slice(new)
    yield from immutable(new.address_type, old.address_type, "addressType")


def _address(address: EndpointAddress, path: str) -> Errors:
    yield from ip_address(address.ip, f"{path}.ip")
    if address.hostname:
        yield from well_formed(address.hostname, f"{path}.hostname", names.dns1123_label)
    if address.node_name is not None:
        yield from well_formed(address.node_name, f"{path}.nodeName", names.dns1123_subdomain)
    yield from non_special_ip(address.ip, f"{path}.ip")


def _port(port: EndpointPort, needs_name: bool, path: str) -> Errors:
    if port.name:
        yield from well_formed(port.name, f"{path}.name", names.dns1123_label)
    elif needs_name:
        yield FieldError.required(f"{path}.name")
    for message in names.port_number(port.port):
        yield FieldError.invalid(f"{path}.port", port.port, message)
    yield from one_of(port.protocol, f"{path}.protocol", PROTOCOLS)
    if port.app_protocol is not None:
        yield from well_formed(port.app_protocol, f"{path}.appProtocol", names.qualified_name)


def _endpoint(endpoint: Endpoint, address_type: str, path: str) -> Errors:
    if len(endpoint.addresses) > _MAX_ADDRESSES:
        yield FieldError.too_many(f"{path}.addresses", len(endpoint.addresses), _MAX_ADDRESSES)
    yield from required(endpoint.addresses, f"{path}.addresses", "must contain at least 1 address")
    for index, address in enumerate(endpoint.addresses):
        yield from _slice_address(address, address_type, f"{path}.addresses[{index}]")
    if endpoint.node_name is not None:
        yield from well_formed(endpoint.node_name, f"{path}.nodeName", names.dns1123_subdomain)
    if endpoint.hostname is not None:
        yield from well_formed(endpoint.hostname, f"{path}.hostname", names.dns1123_label)
    zones = endpoint.hints.for_zones if endpoint.hints is not None else []
    if len(zones) > _MAX_HINTS:
        yield FieldError.too_many(f"{path}.hints.forZones", len(zones), _MAX_HINTS)


def _slice_address(address: str, address_type: str, path: str) -> Errors:
    if address_type == "FQDN":
        yield from well_formed(address, path, names.dns1123_subdomain)
    elif address_type in ("IPv4", "IPv6"):
        if names.ip_address(address) or is_ipv6(address) != (address_type == "IPv6"):
            yield FieldError.invalid(path, address, f"must be a valid {address_type} address")
        yield from non_special_ip(address, path)


def _slice_ports(ports: Sequence[EndpointSlicePort], path: str) -> Errors:
    if len(ports) > _MAX_PORTS:
        yield FieldError.too_many(path, len(ports), _MAX_PORTS)
        return
    used: set[str | None] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        if port.name:
            yield from well_formed(port.name, f"{where}.name", names.dns1123_label)
        if port.name in used:
            yield FieldError.duplicate(f"{where}.name", port.name)
        used.add(port.name)
        yield from one_of(port.protocol or "", f"{where}.protocol", PROTOCOLS)
        if port.app_protocol is not None:
            yield from well_formed(port.app_protocol, f"{where}.appProtocol", names.qualified_name)
