"""The routing table between what people write and what the proxy is told: hosts, routes, backends, certificates.

Nothing here knows of Ingresses, HTTPRoutes or Envoy: both kinds of routes are compiled to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

# (namespace, name)
Key = tuple[str, str]

ANY_HOST = ""
WILDCARD = "*."
DEFAULT_IDLE_SECONDS = 3600.0
DEFAULT_RETRIES = 5
# Since when a route is that nobody made: it comes after all that somebody did.
NEVER = "9999-12-31T23:59:59Z"


class PathKind(Enum):
    """How a path is matched. PREFIX: by elements, so /foo matches /foo/bar and not /foobar."""

    EXACT = "exact"
    REGEX = "regex"
    PREFIX = "prefix"


class Protocol(Enum):
    """What a backend speaks."""

    HTTP = "http"
    H2C = "h2c"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A path to match. One of kind PREFIX has no slash at its end, but for "/", which matches everything.

    One of kind REGEX is an expression for the whole of the path, in RE2's notation.
    """

    kind: PathKind
    path: str

    @property
    def precedence(self) -> tuple[int, int]:
        """Sorts what is to be tried first to the front: exact paths, expressions, prefixes; long before short."""
        return _PATH_KINDS.index(self.kind), -len(self.path)


_PATH_KINDS = tuple(PathKind)
EVERYTHING = PathMatch(PathKind.PREFIX, "/")


@dataclass(frozen=True, slots=True)
class ValueMatch:
    """A header or query parameter to match: the value, or an expression for all of it (RE2's notation)."""

    name: str
    value: str
    is_regex: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold of a request besides its path. method: "" for any."""

    method: str = ""
    headers: tuple[ValueMatch, ...] = ()
    parameters: tuple[ValueMatch, ...] = ()

    @property
    def precedence(self) -> tuple[bool, int, int]:
        """Sorts what is to be tried first to the front: what asks for a method, for many headers, many parameters."""
        return not self.method, -len(self.headers), -len(self.parameters)


NO_CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Headers to overwrite, to add to those that are there, and to take away."""

    overwrite: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


NO_CHANGES = HeaderChanges()


@dataclass(frozen=True, slots=True)
class Backend:
    """A port of a Service. port_name: as the Service and its EndpointSlices name the port."""

    namespace: str
    service: str
    port: int
    port_name: str
    protocol: Protocol

    @property
    def key(self) -> Key:
        return self.namespace, self.service

    @property
    def name(self) -> str:
        """The name it has in the proxy."""
        return f"{self.namespace}/{self.service}/{self.port}/{self.protocol.value}"


@dataclass(frozen=True, slots=True)
class Share:
    """A backend's part of the requests. backend: None for one that cannot be had, which answers 500."""

    backend: Backend | None
    weight: int = 1
    request_headers: HeaderChanges = NO_CHANGES
    response_headers: HeaderChanges = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Mirror:
    """A backend that is sent copies of requests, so many of a million."""

    backend: Backend
    millionths: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Forward:
    """Send requests to backends, by weight.

    timeout_seconds: until the answer is complete; 0 for ever. attempt_seconds: the same for each attempt.
    idle_seconds: without a byte either way. rewrite_prefix: what takes the place of the matched prefix, rewrite_path
    of the whole path; None leaves it. rewrite_host: the host that backends see; "" leaves it.
    """

    shares: tuple[Share, ...]
    timeout_seconds: float = 0.0
    attempt_seconds: float = 0.0
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    retries: int = DEFAULT_RETRIES
    rewrite_prefix: str | None = None
    rewrite_path: str | None = None
    rewrite_host: str = ""
    mirrors: tuple[Mirror, ...] = ()

    def backends(self) -> Iterator[Backend]:
        """Those that can be had, mirrors too."""
        for share in self.shares:
            if share.backend is not None:
                yield share.backend
        for mirror in self.mirrors:
            yield mirror.backend


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with another address. Empty parts, and port 0, stay as they were in the request.

    prefix: what takes the place of the matched prefix; None leaves it.
    """

    code: int
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with a status and a line of text."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of requests that match.

    owner: whose it is, "namespace/name". since: when that was made. https_only: plain HTTP is redirected.
    is_fallback: for requests that no other route of the host matches. one_label: of a wildcard host's names only those
    with exactly one label more.
    """

    match: PathMatch
    action: Forward | Redirect | Answer
    owner: str
    https_only: bool = False
    conditions: Conditions = NO_CONDITIONS
    request_headers: HeaderChanges = NO_CHANGES
    response_headers: HeaderChanges = NO_CHANGES
    since: str = ""
    is_fallback: bool = False
    one_label: bool = False

    @property
    def precedence(self) -> tuple[object, ...]:
        """Sorts what is to be tried first to the front; of equals the oldest, then the first by name."""
        return self.is_fallback, self.match.precedence, self.conditions.precedence, self.since, self.owner


@dataclass(frozen=True, slots=True)
class Host:
    """Routes of a host, in the order in which they are tried.

    name: ANY_HOST, a name, or "*.example.com" for every name with labels more.
    """

    name: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain of certificates and the key, as PEM."""

    chain: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """All there is to know of requests that come in at one place.

    hosts: ANY_HOST is always among them. certificates: Secrets by host; ANY_HOST for hosts without one of their own.
    """

    hosts: tuple[Host, ...]
    certificates: dict[str, Key] = field(default_factory=dict)

    def backends(self) -> dict[str, Backend]:
        """Every backend that a route leads to, by name."""
        actions = (route.action for host in self.hosts for route in host.routes)
        found = (backend for action in actions if isinstance(action, Forward) for backend in action.backends())
        return {backend.name: backend for backend in found}


@dataclass(frozen=True, slots=True)
class Entry:
    """A port that requests come in at, and what becomes of them. name: what the proxy calls it."""

    name: str
    port: int
    tls: bool
    table: Table


def joined(first: Table, second: Table) -> Table:
    """Both tables as one: the routes of a host in order. Of two certificates for one host the first table's holds."""
    routes: dict[str, list[Route]] = {}
    for host in (*first.hosts, *second.hosts):
        routes.setdefault(host.name, []).extend(host.routes)
    hosts = tuple(Host(name, in_order(found)) for name, found in sorted(routes.items()))
    return Table(hosts, {**second.certificates, **first.certificates})


def in_order(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Routes of one host, those to be tried first at the front."""
    return tuple(sorted(routes, key=lambda route: route.precedence))


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with somebody's routes, as an Event tells it."""

    reason: str
    message: str
