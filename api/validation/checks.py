"""Checks that many kinds share: names, numbers, enumerations, paths, addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec

from api import names
from api.errors import FieldError
from api.types import Record

Errors = Iterator[FieldError]

FILE_MODE_MESSAGE = "must be a number between 0 and 0777 (octal), both inclusive"
PROTOCOLS = ("SCTP", "TCP", "UDP")


def well_formed(value: str, path: str, check: Callable[[str], list[str]]) -> Errors:
    """One error for each thing `check` has to say about a value."""
    for message in check(value):
        yield FieldError.invalid(path, value, message)


def required(value: object, path: str, detail: str = "") -> Errors:
    if not value:
        yield FieldError.required(path, detail)


def immutable(new: object, old: object, path: str) -> Errors:
    if new != old:
        yield FieldError.invalid(path, new, "field is immutable")


def one_of(value: str, path: str, supported: Sequence[str]) -> Errors:
    """A value that must be set and be among the supported ones."""
    if not value:
        yield FieldError.required(path)
    else:
        yield from known(value, path, supported)


def known(value: str | None, path: str, supported: Sequence[str]) -> Errors:
    """A value that may be unset but otherwise must be among the supported ones."""
    if value is not None and value not in supported:
        yield FieldError.not_supported(path, value, supported)


def non_negative(value: int | None, path: str) -> Errors:
    if value is not None and value < 0:
        yield FieldError.invalid(path, value, "must be greater than or equal to 0")


def in_range(value: int | None, path: str, low: int, high: int) -> Errors:
    if value is not None and not low <= value <= high:
        yield FieldError.invalid(path, value, f"must be between {low} and {high}, inclusive")


def identity(value: int | None, path: str) -> Errors:
    """A user or group id."""
    yield from in_range(value, path, 0, 2**31 - 1)


def file_mode(value: int | None, path: str) -> Errors:
    if value is not None and not 0 <= value <= 0o777:
        yield FieldError.invalid(path, value, FILE_MODE_MESSAGE)


def port_number_or_name(value: int | str, path: str) -> Errors:
    messages = names.port_number(value) if isinstance(value, int) else names.port_name(value)
    for message in messages:
        yield FieldError.invalid(path, value, message)


def unique(value: Any, seen: set[Any], path: str) -> Errors:
    """Records `value` in `seen`; an error when it was there."""
    if value in seen:
        yield FieldError.duplicate(path, value)
    seen.add(value)


def no_backsteps(value: str, path: str) -> Errors:
    if ".." in value.split("/"):
        yield FieldError.invalid(path, value, "must not contain '..'")


def descending_path(value: str, path: str) -> Errors:
    """A relative path that stays below where it starts."""
    if value.startswith("/"):
        yield FieldError.invalid(path, value, "must be a relative path")
    yield from no_backsteps(value, path)


def file_path(value: str, path: str) -> Errors:
    """A descending path that is not one the kubelet's atomic writer keeps for itself ("..data")."""
    yield from descending_path(value, path)
    if value.startswith("..") and not value.startswith("../") and value != "..":
        yield FieldError.invalid(path, value, "must not start with '..'")


def ip_address(value: str, path: str) -> Errors:
    yield from well_formed(value, path, names.ip_address)


def cidr(value: str, path: str) -> Errors:
    try:
        ipaddress.ip_network(value, strict=False)
        # Python takes zones, which may hold any text; Go's parser does not.
        valid = "/" in value and "%" not in value
    except ValueError:
        valid = False
    if not valid:
        yield FieldError.invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")


def non_special_ip(value: str, path: str) -> Errors:
    """An address that can be somebody's endpoint."""
    if names.ip_address(value):
        yield FieldError.invalid(path, value, "must be a valid IP address")
        return
    address = ipaddress.ip_address(value)
    if address.is_unspecified:
        yield FieldError.invalid(path, value, f"may not be unspecified ({value})")
    if address.is_loopback:
        yield FieldError.invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield FieldError.invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if _is_link_local_multicast(address):
        detail = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        yield FieldError.invalid(path, value, detail)


def _is_link_local_multicast(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    network = "224.0.0.0/24" if address.version == 4 else "ff02::/16"
    return address in ipaddress.ip_network(network)


def is_ipv6(value: str) -> bool:
    return ":" in value


def one_per_family(addresses: Collection[str]) -> bool:
    """Whether at most one address of each IP family is there."""
    return len({is_ipv6(address) for address in addresses}) == len(addresses)


def internal_form(record: Record) -> dict[str, Any]:
    """A record as upstream shows its internal type in messages: Go's field names, nothing left out."""
    shown = {}
    for item in msgspec.structs.fields(record):
        value = getattr(record, item.name)
        if isinstance(value, Record):
            value = internal_form(value)
        elif value in ([], {}):
            value = None
        shown[item.encode_name[:1].upper() + item.encode_name[1:]] = value
    return shown
