"""Request metrics in upstream's names.

Counted in plain numbers, which only this thread touches, and made into metrics when they are asked for: the client
library's own counters take a lock at every step.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import REGISTRY, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

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
_STREAMS: Final = frozenset({"exec", "attach", "portforward", "log", "proxy"})
_STREAMED: Final = frozenset({"nodes", "pods", "services"})
# Kinds of requests told apart; beyond that (someone inventing URLs) they are counted as "other".
_MAX_KINDS: Final = 2_000

_long_running = Gauge("apiserver_longrunning_requests", "Watches and streams in progress", _LABELS)
in_flight = Gauge(
    "apiserver_current_inflight_requests", "Requests in progress, watches and streams left out", ("request_kind",)
)


class _Kind:
    """One kind of request: its metrics."""

    __slots__ = ("_timed", "buckets", "codes", "labels", "long_running", "seconds")

    def __init__(self, labels: tuple[str, ...], dry_run: str, *, timed: bool) -> None:
        self.labels = (dry_run, *labels)
        self.codes: dict[int, int] = {}
        # How many took no longer than each bound of `_DURATION_BUCKETS` but longer than the one before.
        self.buckets = [0] * (len(_DURATION_BUCKETS) + 1)
        self.seconds = 0.0
        self._timed = timed
        self.long_running = _long_running.labels(*labels)

    def count(self, code: int, seconds: float) -> None:
        """One more was answered with `code`, after `seconds`."""
        self.codes[code] = self.codes.get(code, 0) + 1
        if self._timed:
            self.buckets[bisect_left(_DURATION_BUCKETS, seconds)] += 1
            self.seconds += seconds


_Key = tuple[str, str, str, str, str, str, bool]
_kinds: dict[_Key, _Kind] = {}
_UNKNOWN: Final = ("", "", "", "", "")


class _Requests(Collector):
    """Makes metrics of what was counted."""

    def describe(self) -> list[Metric]:
        return [_total(), _durations()]

    def collect(self) -> Iterator[Metric]:
        total, durations = _total(), _durations()
        bounds = [*(str(float(bound)) for bound in _DURATION_BUCKETS), "+Inf"]
        for kind in list(_kinds.values()):
            for code, count in kind.codes.items():
                total.add_metric((str(code), *kind.labels), count)
            if any(kind.buckets):
                durations.add_metric(
                    kind.labels, list(zip(bounds, accumulate(kind.buckets), strict=True)), kind.seconds
                )
        yield total
        yield durations


def _total() -> CounterMetricFamily:
    labels = ("code", "dry_run", *_LABELS)
    return CounterMetricFamily("apiserver_request_total", "Requests by verb, resource and HTTP code", labels=labels)


def _durations() -> HistogramMetricFamily:
    text = "How long requests took, watches and streams left out"
    return HistogramMetricFamily("apiserver_request_duration_seconds", text, labels=("dry_run", *_LABELS))


REGISTRY.register(_Requests())


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
    return info.verb == "watch" or (info.subresource in _STREAMS and info.resource in _STREAMED)


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
