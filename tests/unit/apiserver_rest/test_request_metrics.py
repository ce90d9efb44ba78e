"""What was counted, as the metrics page shows it."""

from __future__ import annotations

import prometheus_client

from apiserver.rest import metrics, request_info

LABELS = {
    "component": "apiserver",
    "group": "",
    "resource": "metrictests",
    "scope": "resource",
    "subresource": "",
    "verb": "GET",
    "version": "v1",
    "dry_run": "",
}


def value(name: str, **labels: str) -> float | None:
    return prometheus_client.REGISTRY.get_sample_value(name, LABELS | labels)


def test_requests_are_counted_by_code_and_their_durations_add_up() -> None:
    info = request_info.parse("GET", "/api/v1/namespaces/default/metrictests/one")
    kind = metrics.kind_of(info, dry_run=False, known=True)
    for code, seconds in ((200, 0.005), (200, 0.03), (404, 61.0)):
        kind.count(code, seconds)
    assert value("apiserver_request_total", code="200") == 2
    assert value("apiserver_request_total", code="404") == 1
    name = "apiserver_request_duration_seconds"
    assert [value(f"{name}_bucket", le=bound) for bound in ("0.005", "0.025", "0.05", "60.0", "+Inf")] == [
        1,
        1,
        2,
        2,
        3,
    ]
    assert value(f"{name}_count") == 3
    assert value(f"{name}_sum") == 0.005 + 0.03 + 61.0


def test_watches_are_counted_but_not_timed() -> None:
    info = request_info.parse("GET", "/api/v1/metrictests", watch=True)
    metrics.kind_of(info, dry_run=False, known=True).count(200, 3600.0)
    assert value("apiserver_request_total", code="200", verb="WATCH", scope="cluster") == 1
    assert value("apiserver_request_duration_seconds_count", verb="WATCH", scope="cluster") is None
