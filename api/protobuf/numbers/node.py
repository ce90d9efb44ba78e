"""Field numbers of node/v1."""

from __future__ import annotations

PACKAGE = "node/v1"

MESSAGES: dict[str, str] = {
    "Overhead": "podFixed=1",
    "RuntimeClass": "metadata=1 handler=2 overhead=3 scheduling=4",
    "Scheduling": "nodeSelector=1 tolerations=2",
}
