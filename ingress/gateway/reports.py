"""What there is to tell of Gateways, their listeners and routes: conditions without their times. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from api import timestamps
from api.types import Condition, GatewayParentReference


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition to be told."""

    type: str
    holds: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ListenerReport:
    """serves_routes: whether HTTPRoutes can be attached. attached: how many are."""

    name: str
    serves_routes: bool
    attached: int
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """generation: of the Gateway that was looked at."""

    generation: int
    verdicts: tuple[Verdict, ...]
    listeners: tuple[ListenerReport, ...]


@dataclass(frozen=True, slots=True)
class ParentReport:
    """What became of a route at one of the parents it names."""

    parent: GatewayParentReference
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class RouteReport:
    """generation: of the route that was looked at."""

    generation: int
    parents: tuple[ParentReport, ...]


@dataclass(slots=True)
class Reports:
    """All there is to tell, by namespace and name. Routes that name none of our Gateways are not here."""

    gateways: dict[tuple[str, str], GatewayReport] = field(default_factory=dict)
    routes: dict[tuple[str, str], RouteReport] = field(default_factory=dict)


def conditions(
    verdicts: Iterable[Verdict], before: Sequence[Condition], generation: int, now: float
) -> list[Condition]:
    """The conditions to write. What is as before keeps its time; conditions of types that are others' stay."""
    known = {each.type: each for each in before}
    told = {}
    for verdict in verdicts:
        status = "True" if verdict.holds else "False"
        old = known.get(verdict.type)
        since = old.last_transition_time if old is not None and old.status == status else timestamps.now_text(now)
        told[verdict.type] = Condition(
            type=verdict.type,
            status=status,
            reason=verdict.reason,
            message=verdict.message,
            observed_generation=generation,
            last_transition_time=since,
        )
    return [*told.values(), *(each for each in before if each.type not in told and each.type not in OURS)]


OURS = frozenset({"Accepted", "Programmed", "ResolvedRefs", "Conflicted", "OverlappingTLSConfig", "PartiallyInvalid"})
"""Conditions that this controller sets: one that is not told any more is taken away."""
