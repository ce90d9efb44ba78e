"""Startup, liveness and readiness probes: asked once (`checks`), judged (`tracker`), kept up (`prober`)."""
