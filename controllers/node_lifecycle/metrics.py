"""The node lifecycle controller's metrics, in upstream's names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from controllers.node_lifecycle.zones import Pacing, ZoneState

zone_size = Gauge("node_collector_zone_size", "Number of registered Nodes per zone", ["zone"])
zone_health = Gauge("node_collector_zone_health", "1 unless the zone is disrupted", ["zone"])
unhealthy = Gauge("node_collector_unhealthy_nodes_in_zone", "Number of Nodes in the zone that are not ready", ["zone"])
evictions = Counter("node_collector_evictions", "Number of Nodes that were tainted to evict their pods", ["zone"])


def expose(pacing: Pacing) -> None:
    """Show the zones as they are now."""
    for zone, (state, size, ready) in pacing.states().items():
        zone_size.labels(zone).set(size)
        unhealthy.labels(zone).set(size - ready)
        zone_health.labels(zone).set(state is ZoneState.NORMAL)
