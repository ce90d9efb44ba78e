"""Hostnames of listeners and routes: names, "*.example.com" for every name with labels more, "" for all. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ingress.model import WILDCARD


def covers(general: str, special: str) -> bool:
    """Whether all that the second stands for is among what the first does."""
    if not general or general == special:
        return True
    return general.startswith(WILDCARD) and special.endswith(general.removeprefix("*"))


def intersection(listener: str, route: str) -> str | None:
    """What both stand for, which is the narrower of the two; None for nothing."""
    if covers(listener, route):
        return route
    return listener if covers(route, listener) else None


def shared(listener: str, routes: Iterable[str]) -> list[str]:
    """What a listener and a route with these hostnames have in common. A route without any is for all."""
    found = (intersection(listener, each) for each in list(routes) or [""])
    return list(dict.fromkeys(each for each in found if each is not None))


def belongs(host: str, listener: str, others: Iterable[str]) -> bool:
    """Whether requests for a host are a listener's: of those of one port the narrowest has them."""
    return not any(each != listener and covers(listener, each) and covers(each, host) for each in others)
