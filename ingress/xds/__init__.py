"""The routing table as Envoy's resources, and the protocol that carries them (xDS v3, delta, aggregated)."""
