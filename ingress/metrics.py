"""What the control process counts; the proxy's own numbers are on /metrics/envoy."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

compile_seconds = Histogram(
    "podling_ingress_compile_duration_seconds",
    "How long in seconds turning Ingresses into the proxy's configuration takes",
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0),
)
routes = Gauge("podling_ingress_routes", "Routes in the proxy's configuration")
refused_total = Counter("podling_ingress_refused_total", "Parts of its configuration that the proxy refused")
