"""The endpoint slice controller's metrics, in upstream's names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

num_endpoint_slices = Gauge("endpoint_slice_controller_num_endpoint_slices", "Number of EndpointSlices")
syncs = Counter("endpoint_slice_controller_syncs", "Number of EndpointSlice syncs", ["result"])
