"""Ingresses as tests write them, at random too; and what the documentation says becomes of a request, slowly."""

from __future__ import annotations

import random
from typing import Any

from api import codec
from api.types import HTTPIngressPath, Ingress, Service
from ingress.model import ANY_HOST, Answer, Forward, Host, PathKind, Redirect, Route, Table

NOTHING = "nothing"
_LABELS = ("a", "b", "shop")
_HOSTS = ("", "example.com", "a.example.com", "b.example.com", "*.example.com", "*.a.example.com")
_ELEMENTS = ("foo", "bar", "foobar", "v1")


def backend(service: str, port: int | str = 80) -> dict[str, Any]:
    """A backend, as a tree."""
    return {"service": {"name": service, "port": {"name": port} if isinstance(port, str) else {"number": port}}}


def path(text: str, service: str, kind: str = "Prefix", port: int | str = 80) -> dict[str, Any]:
    """A path of a rule, as a tree."""
    return {"path": text, "pathType": kind, "backend": backend(service, port)}


def rule(host: str, *paths: dict[str, Any]) -> dict[str, Any]:
    """A rule, as a tree."""
    return {"host": host, "http": {"paths": list(paths)}} if paths else {"host": host}


def ingress(
    *rules: dict[str, Any],
    name: str = "web",
    namespace: str = "default",
    age: int = 0,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Ingress:
    """An Ingress of the class "podling", made `age` minutes before noon."""
    metadata = {
        "name": name,
        "namespace": namespace,
        "creationTimestamp": f"2026-01-01T11:{59 - age:02}:00Z",
        "annotations": {f"podling.io/{key}": text for key, text in (annotations or {}).items()},
    }
    tree = {"metadata": metadata, "spec": {"ingressClassName": "podling", "rules": list(rules), **spec}}
    return codec.from_tree(Ingress, tree)


class AnyService:
    """Every Service there could be, each with a port 80; `absent` are not there."""

    def __init__(self, *absent: str, **spec: Any) -> None:
        self._absent = absent
        self._spec = {"ports": [{"name": "http", "port": 80, "protocol": "TCP"}], "type": "ClusterIP", **spec}

    def __call__(self, namespace: str, name: str) -> Service | None:
        if name in self._absent:
            return None
        return codec.from_tree(Service, {"metadata": {"name": name, "namespace": namespace}, "spec": self._spec})


def random_ingresses(seed: int) -> list[Ingress]:
    """A few Ingresses that get in each other's way, each backend a Service of its own name."""
    chance = random.Random(seed)
    made = []
    for number in range(chance.randint(1, 4)):
        rules = []
        for place in range(chance.randint(0, 3)):
            paths = [
                path(_random_path(chance), f"s{number}-{place}-{each}", chance.choice(("Exact", "Prefix", "Prefix")))
                for each in range(chance.randint(0, 4))
            ]
            rules.append(rule(chance.choice(_HOSTS), *paths))
        spec = {"defaultBackend": backend(f"d{number}")} if not rules or chance.random() < 0.3 else {}
        made.append(ingress(*rules, name=f"i{number}", age=chance.randint(0, 2), **spec))
    return made


def _random_path(chance: random.Random) -> str:
    elements = [chance.choice(_ELEMENTS) for _ in range(chance.randint(0, 3))]
    return "/" + "/".join(elements) + ("/" if elements and chance.random() < 0.2 else "")


def random_requests(seed: int, count: int) -> list[tuple[str, str]]:
    """Hosts and paths to ask for."""
    chance = random.Random(seed)
    hosts = ["example.com", "other.org", *(f"{label}.example.com" for label in _LABELS), "a.b.example.com"]
    hosts += ["b.a.example.com", "c.b.a.example.com"]
    return [(chance.choice(hosts), _random_path(chance)) for _ in range(count)]


def documented(ingresses: list[Ingress], host: str, asked: str) -> str:
    """The Service that the documentation of Ingress gives a request to; NOTHING for none. Slow and literal."""
    oldest_first = sorted(ingresses, key=lambda each: (each.metadata.creation_timestamp or "", each.metadata.name))
    rules = [(each, one) for each in oldest_first for one in each.spec.rules]
    wildcard = "*." + host.partition(".")[2]
    named = next((name for name in (host, wildcard, "") if name == "" or any(r.host == name for _, r in rules)), "")
    best: tuple[int, bool] | None = None
    found = NOTHING
    for _, one in rules:
        for candidate in one.http.paths if one.host == named and one.http else ():
            worth = _worth(candidate, asked)
            if worth is not None and (best is None or worth > best):
                best, found = worth, _service(candidate.backend)
    if best is not None:
        return found
    own = [each for each in oldest_first if each.spec.default_backend and any(r.host == named for r in each.spec.rules)]
    for each in [*own, *oldest_first]:
        if each.spec.default_backend is not None:
            return _service(each.spec.default_backend)
    return NOTHING


def _service(wanted: Any) -> str:
    assert wanted.service is not None
    return str(wanted.service.name)


def _worth(candidate: HTTPIngressPath, asked: str) -> tuple[int, bool] | None:
    """How well a path matches (longer is better, then exact); None for not at all."""
    if candidate.path_type == "Exact":
        return (len(candidate.path), True) if candidate.path == asked else None
    wanted = [element for element in candidate.path.split("/") if element]
    there = asked.strip("/").split("/") if asked.strip("/") else []
    if there[: len(wanted)] != wanted:
        return None
    return len("/" + "/".join(wanted)), False


def answered(table: Table, host: str, asked: str) -> Route:
    """The route a table has for a request: the most specific host, its first route that matches."""
    hosts = {each.name: each for each in table.hosts}
    wildcard = "*." + host.partition(".")[2]
    chosen: Host = next(hosts[name] for name in (host, wildcard, ANY_HOST) if name in hosts)
    return next(route for route in chosen.routes if _matches(route, asked))


def _matches(route: Route, asked: str) -> bool:
    if route.match.kind is PathKind.EXACT:
        return asked == route.match.path
    return f"{asked}/".startswith(f"{route.match.path.rstrip('/')}/")


def service_of(action: Forward | Redirect | Answer) -> str:
    """The Service an action leads to; NOTHING for none."""
    if not isinstance(action, Forward) or action.shares[0].backend is None:
        return NOTHING
    return action.shares[0].backend.service
