"""The plan of a cluster, for tests of what the launcher makes of it."""

from __future__ import annotations

from typing import Any

from podling.launcher.plan import Cluster


def plan(**changes: Any) -> Cluster:
    """Two plain nodes in /c, but for the changes."""
    plain: dict[str, Any] = {
        "id": "abc123",
        "directory": "/c",
        "network_index": 2,
        "node_count": 2,
        "node_cpu": 1.0,
        "node_memory": 1 << 30,
        "image_store": "/images",
        "grpc": "127.0.0.1:6464",
        "rest": "127.0.0.1:6463",
    }
    return Cluster(**plain | changes)
