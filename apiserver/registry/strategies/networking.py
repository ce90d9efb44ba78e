"""The kinds of networking.k8s.io (upstream: their registries' strategies)."""

from __future__ import annotations

from apiserver.registry.strategy import Strategy


class NetworkPolicyStrategy(Strategy):
    """Its generation counts changes of its spec."""

    tracks_generation = True
    unconditional_update = False


class IngressStrategy(Strategy):
    """Its generation counts changes of its spec; so does a class'."""

    tracks_generation = True
