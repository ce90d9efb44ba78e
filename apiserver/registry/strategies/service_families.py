"""Which IP families a Service has addresses of, in clusters of one family and of two. Pure.

Source: upstream's service allocator (initIPFamilyFields) and the dual-stack documentation: nobody's Service changes
from one to two families, or back, unless its author says so by `ipFamilyPolicy`; a headless Service without selector
may be given endpoints of either family by hand, whatever the cluster has.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from api.errors import FieldError
from api.types import ServiceSpec

IPV4 = "IPv4"
IPV6 = "IPv6"
HEADLESS = "None"
SINGLE = "SingleStack"
PREFER = "PreferDualStack"
REQUIRE = "RequireDualStack"
_POLICY = "spec.ipFamilyPolicy"
_EITHER = f"must be '{REQUIRE}' or '{PREFER}' when multiple"


def family_of(address: str) -> str:
    """The family of what validation has found to be an address."""
    return IPV6 if ":" in address else IPV4


def with_families(
    new: ServiceSpec, old: ServiceSpec | None, configured: Sequence[str]
) -> tuple[ServiceSpec, list[FieldError]]:
    """The spec with policy and families, a released second one dropped; and what is wrong with what was asked for.

    old: the spec before an update. configured: the cluster's families, the primary first.
    """
    if new.type == "ExternalName":
        return replace(new, ip_families=[], ip_family_policy=None), []
    if old is not None and _content(new, old):
        return new, []
    new = replace(new, ip_family_policy=new.ip_family_policy or _default_policy(new))
    problems: list[FieldError] = []
    if old is not None:
        new = _released(new, old)
        problems += _reduced(new, old)
    problems += _too_many(new)
    new, unknown = _inferred(new, configured)
    problems += unknown
    if problems:
        return new, problems
    if _free(new):
        return _completed(new, configured[0], whole=True), []
    problems = _unconfigured(new, configured)
    return (new, problems) if problems else (_completed(new, configured[0], whole=len(configured) > 1), [])


def _content(new: ServiceSpec, old: ServiceSpec) -> bool:
    """Whether it goes on preferring two families with what it has: it does not follow the cluster by itself."""
    return (
        (new.type, new.ip_family_policy, old.ip_family_policy) == (old.type, PREFER, PREFER)
        and new.cluster_ips == old.cluster_ips
        and new.ip_families == old.ip_families
    )


def _free(spec: ServiceSpec) -> bool:
    """Headless and without selector: its endpoints are somebody's own work."""
    return spec.cluster_ip == HEADLESS and not spec.selector


def _default_policy(spec: ServiceSpec) -> str:
    return REQUIRE if _free(spec) else SINGLE


def _released(new: ServiceSpec, old: ServiceSpec) -> ServiceSpec:
    """Asking for a single family is enough to give the second up: what was left as it was goes with it."""
    if new.ip_family_policy != SINGLE:
        return new
    addresses = new.cluster_ips[:1] if new.cluster_ips == old.cluster_ips else new.cluster_ips
    families = new.ip_families[:1] if new.ip_families == old.ip_families else new.ip_families
    return replace(new, cluster_ips=addresses, ip_families=families)


def _reduced(new: ServiceSpec, old: ServiceSpec) -> list[FieldError]:
    """Fewer addresses or families without that being asked for."""
    if new.ip_family_policy == SINGLE:
        return []
    pairs = (
        (new.cluster_ips, old.cluster_ips, "secondary cluster IP"),
        (new.ip_families, old.ip_families, "secondary IP family"),
    )
    return [
        FieldError.invalid(_POLICY, new.ip_family_policy, f"must be '{SINGLE}' to release the {what}")
        for after, before, what in pairs
        if 0 < len(after) < len(before) and after[0] == before[0]
    ]


def _too_many(spec: ServiceSpec) -> list[FieldError]:
    """Two of something that the policy says is to be one."""
    if spec.ip_family_policy != SINGLE:
        return []
    pairs = ((spec.cluster_ips, "cluster IPs"), (spec.ip_families, "IP families"))
    return [
        FieldError.invalid(_POLICY, SINGLE, f"{_EITHER} {what} are specified")
        for given, what in pairs
        if len(given) == 2
    ]


def _inferred(spec: ServiceSpec, configured: Sequence[str]) -> tuple[ServiceSpec, list[FieldError]]:
    """The families that the addresses asked for are of, where none are named."""
    families, problems = list(spec.ip_families), []
    for position, address in enumerate(spec.cluster_ips):
        if address == HEADLESS or position < len(families):
            continue
        family = family_of(address)
        if family in configured:
            families.append(family)
        else:
            where = f"spec.clusterIPs[{position}]"
            message = f"{family} is not configured on this cluster"
            problems.append(FieldError.invalid(where, list(spec.cluster_ips), message))
    return replace(spec, ip_families=families), problems


def _unconfigured(spec: ServiceSpec, configured: Sequence[str]) -> list[FieldError]:
    """What a cluster without a second family, or without that family, cannot give."""
    problems = []
    if spec.ip_family_policy == REQUIRE and len(configured) < 2:
        message = "this cluster is not configured for dual-stack services"
        problems.append(FieldError.invalid(_POLICY, REQUIRE, message))
    for position, family in enumerate(spec.ip_families):
        if family not in configured:
            where = f"spec.ipFamilies[{position}]"
            problems.append(FieldError.invalid(where, family, "not configured on this cluster"))
    return problems


def _completed(spec: ServiceSpec, primary: str, *, whole: bool) -> ServiceSpec:
    """The cluster's primary family where none is named; the other one as well (`whole`), if two are wanted."""
    families = list(spec.ip_families) or [primary]
    if whole and spec.ip_family_policy != SINGLE and len(families) == 1:
        families.append(IPV4 if families[0] == IPV6 else IPV6)
    return replace(spec, ip_families=families)
