"""Request metrics in upstream's names, their children looked up once per kind of request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from apiserver.rest.request_info import RequestInfo

_COMPONENT: Final = "apiserver"
_LABELS: Final = ("component", "group", "resource", "scope", "subresource", "verb", "version")
_DURATION_BUCKETS: Final = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
_VERBS: Final[Mapping[str, str]] = {
    "get": "GET",
    "list": "LIST",
    "watch": "WATCH",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETECOLLECTION",
}
_STREAMS: Final = frozenset({"exec", "attach", "portforward", "log"})
# Kinds of requests told apart; beyond that (someone inventing URLs) they are counted as "other".
_MAX_KINDS: Final = 2_000

_requests_total = Counter(
    "apiserver_request_total",
    "Requests by verb, resource and HTTP code",
    ("code", "dry_run", *_LABELS),
)
_duration_seconds = Histogram(
    "apiserver_request_duration_seconds",
    "How long requests took, watches and streams left out",
    ("dry_run", *_LABELS),
    buckets=_DURATION_BUCKETS,
)
_long_running = Gauge("apiserver_longrunning_requests", "Watches and streams in progress", _LABELS)
in_flight = Gauge(
    "apiserver_current_inflight_requests", "Requests in progress, watches and streams left out", ("request_kind",)
)


class _Kind:
    """One kind of request: its metrics."""

    __slots__ = ("_codes", "_dry_run", "_duration", "_labels", "long_running")

    def __init__(self, labels: tuple[str, ...], dry_run: str, *, timed: bool) -> None:
        self._labels = labels
        self._dry_run = dry_run
        self._codes: dict[int, Counter] = {}
        self._duration = _duration_seconds.labels(dry_run, *labels) if timed else None
        self.long_running = _long_running.labels(*labels)

    def count(self, code: int, seconds: float) -> None:
        """One more was answered with `code`, after `seconds`."""
        counter = self._codes.get(code)
        if counter is None:
            counter = self._codes[code] = _requests_total.labels(str(code), self._dry_run, *self._labels)
        counter.inc()
        if self._duration is not None:
            self._duration.observe(seconds)


_Key = tuple[str, str, str, str, str, str, bool]
_kinds: dict[_Key, _Kind] = {}
_UNKNOWN: Final = ("", "", "", "", "")


def kind_of(info: RequestInfo, *, dry_run: bool, known: bool) -> _Kind:
    """The metrics of a request; `known` is whether its resource or path exists."""
    key: _Key
    if known:
        scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
        key = (info.group, info.version, info.resource or info.path, info.subresource, scope, info.verb, dry_run)
    else:
        key = (*_UNKNOWN, info.verb, False)
    return _kinds.get(key) or _new_kind(key)


def is_long_running(info: RequestInfo) -> bool:
    return info.verb == "watch" or (info.subresource in _STREAMS and info.resource == "pods")


def _new_kind(key: _Key) -> _Kind:
    if len(_kinds) >= _MAX_KINDS:
        key = (*_UNKNOWN, "other", False)
        if key in _kinds:
            return _kinds[key]
    group, version, resource, subresource, scope, verb, dry_run = key
    streamed = subresource in _STREAMS
    named = "CONNECT" if streamed and subresource != "log" else _VERBS.get(verb, verb.upper())
    labels = (_COMPONENT, group, resource, scope, subresource, named, version)
    timed = not streamed and verb != "watch"
    kind = _kinds[key] = _Kind(labels, "All" if dry_run else "", timed=timed)
    return kind
