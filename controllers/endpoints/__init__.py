"""Where a Service's traffic can go: EndpointSlices and Endpoints."""
