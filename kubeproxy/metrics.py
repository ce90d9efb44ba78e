"""kube-proxy's metrics, in upstream's names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

sync_duration_seconds = Histogram(
    "kubeproxy_sync_proxy_rules_duration_seconds",
    "SyncProxyRules latency in seconds",
    buckets=[0.001 * 2**power for power in range(15)],
)
network_programming_duration_seconds = Histogram(
    "kubeproxy_network_programming_duration_seconds",
    "In cluster network programming latency in seconds",
    buckets=[0.25, 0.5, *range(1, 60), *range(60, 120, 5), *range(120, 301, 30)],
)
last_sync_timestamp_seconds = Gauge(
    "kubeproxy_sync_proxy_rules_last_timestamp_seconds", "The last time proxy rules were successfully synced"
)
last_queued_timestamp_seconds = Gauge(
    "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", "The last time a sync of proxy rules was queued"
)
endpoint_changes_pending = Gauge(
    "kubeproxy_sync_proxy_rules_endpoint_changes_pending", "Pending proxy rules Endpoint changes"
)
endpoint_changes_total = Counter(
    "kubeproxy_sync_proxy_rules_endpoint_changes_total", "Cumulative proxy rules Endpoint changes"
)
service_changes_pending = Gauge(
    "kubeproxy_sync_proxy_rules_service_changes_pending", "Pending proxy rules Service changes"
)
service_changes_total = Counter(
    "kubeproxy_sync_proxy_rules_service_changes_total", "Cumulative proxy rules Service changes"
)
no_local_endpoints = Gauge(
    "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
    "Number of services with a Local traffic policy and no endpoints on this node",
    ["traffic_policy"],
)
items = Gauge("kubeproxy_nftables_items", "Chains, affinity sets and elements that Services need in the kernel")
sync_failures_total = Counter("kubeproxy_nftables_sync_failures_total", "Cumulative proxy rules sync failures")
stale_flows_total = Counter("kubeproxy_conntrack_flows_deleted_total", "UDP connections to gone endpoints forgotten")
