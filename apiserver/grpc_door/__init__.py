"""The gRPC front door: Objects and PodStreams of proto/, health and reflection, mutual TLS. No logic of its own."""
