"""Where Service addresses come from and whose they are (upstream: pkg/apis/networking/validation)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from api import names
from api.errors import FieldError
from api.types import IPAddress, ServiceCIDR
from api.validation.checks import Errors, cidr, immutable, is_ipv6, well_formed

_PARENT: Final = "spec.parentRef"
_CIDRS: Final = "spec.cidrs"
_FIXED: Final = "field is immutable"
_ONE_PER_FAMILY: Final = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"


def ip_address_name(name: str) -> list[str]:
    """What is wrong with the name of an IPAddress, which is the address itself."""
    problems = names.ip_address(name)
    if not problems and str(ipaddress.ip_address(name)) != name:
        problems = ["must be a canonical format IP address"]
    return problems


def ip_address(address: IPAddress) -> Errors:
    parent = address.spec.parent_ref
    if parent is None:
        yield FieldError.required(_PARENT)
        return
    if parent.group:
        yield from well_formed(parent.group, f"{_PARENT}.group", names.dns1123_subdomain)
    for field, value in (("resource", parent.resource), ("name", parent.name)):
        if not value:
            yield FieldError.required(f"{_PARENT}.{field}")
    for field, value in (("resource", parent.resource), ("name", parent.name), ("namespace", parent.namespace)):
        if value:
            yield from well_formed(value, f"{_PARENT}.{field}", names.path_segment)


def ip_address_update(new: IPAddress, old: IPAddress) -> Errors:
    yield from immutable(new.spec.parent_ref, old.spec.parent_ref, _PARENT)


def service_cidr(service_cidr: ServiceCIDR) -> Errors:
    cidrs = service_cidr.spec.cidrs
    if not cidrs:
        yield FieldError.required(_CIDRS, "at least one CIDR required")
    elif len(cidrs) > 2:
        yield FieldError.invalid(_CIDRS, cidrs, "may only hold up to 2 values")
    elif len(cidrs) == 2 and is_ipv6(cidrs[0]) == is_ipv6(cidrs[1]):
        yield FieldError.invalid(_CIDRS, cidrs, _ONE_PER_FAMILY)
    else:
        for index, text in enumerate(cidrs):
            yield from cidr(text, f"{_CIDRS}[{index}]")


def service_cidr_update(new: ServiceCIDR, old: ServiceCIDR) -> Errors:
    """The networks stay; one of the other family may join a lone one."""
    yield from _kept(new.spec.cidrs, old.spec.cidrs)
    yield from service_cidr(new)


def _kept(new: Sequence[str], old: Sequence[str]) -> Errors:
    if len(new) < len(old):
        yield FieldError.invalid(_CIDRS, list(new), _FIXED)
        return
    for index, (text, before) in enumerate(zip(new, old, strict=False)):
        if text != before:
            yield FieldError.invalid(f"{_CIDRS}[{index}]", text, _FIXED)
