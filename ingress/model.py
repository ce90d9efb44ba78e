"""The routing table between what people write and what the proxy is told: hosts, routes, backends, certificates.

Nothing here knows of Ingress objects or of Envoy: another kind of routes (Gateway API) would be compiled to the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

# (namespace, name)
Key = tuple[str, str]

ANY_HOST = ""
WILDCARD = "*."
DEFAULT_IDLE_SECONDS = 3600.0
DEFAULT_RETRIES = 5


class PathKind(Enum):
    """How a path is matched. PREFIX: by elements, so /foo matches /foo/bar and not /foobar."""

    EXACT = "exact"
    PREFIX = "prefix"


class Protocol(Enum):
    """What a backend speaks."""

    HTTP = "http"
    H2C = "h2c"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A path to match. One of kind PREFIX has no slash at its end, but for "/", which matches everything."""

    kind: PathKind
    path: str

    @property
    def precedence(self) -> tuple[int, bool]:
        """Sorts what is to be tried first to the front: long before short, exact before prefix."""
        return -len(self.path), self.kind is PathKind.PREFIX


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
class Forward:
    """Send requests to a backend.

    timeout_seconds: until the answer is complete; 0 for ever. idle_seconds: without a byte either way.
    rewrite_prefix: what takes the place of the matched prefix; None leaves the path.
    """

    backend: Backend
    timeout_seconds: float = 0.0
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    retries: int = DEFAULT_RETRIES
    rewrite_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with another address. Empty parts, and port 0, stay as they were in the request."""

    code: int
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with a status and a line of text."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of requests that match.

    owner: whose it is, "namespace/name". https_only: plain HTTP is redirected.
    """

    match: PathMatch
    action: Forward | Redirect | Answer
    owner: str
    https_only: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """Routes of a host, in the order in which they are tried.

    name: ANY_HOST, a name, or "*.example.com" for every name with exactly one label more.
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
    """All there is to know of requests.

    hosts: ANY_HOST is always among them. certificates: Secrets by host; ANY_HOST for hosts without one of their own.
    """

    hosts: tuple[Host, ...]
    certificates: dict[str, Key] = field(default_factory=dict)

    def backends(self) -> dict[str, Backend]:
        """Every backend that a route leads to, by name."""
        actions = (route.action for host in self.hosts for route in host.routes)
        return {action.backend.name: action.backend for action in actions if isinstance(action, Forward)}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with somebody's routes, as an Event tells it."""

    reason: str
    message: str
