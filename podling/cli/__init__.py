"""The commands on objects: `podling get`, `apply`, `logs`, … over gRPC."""
