"""Field numbers of autoscaling/v1."""

from __future__ import annotations

PACKAGE = "autoscaling/v1"

MESSAGES: dict[str, str] = {
    "Scale": "metadata=1 spec=2 status=3",
    "ScaleSpec": "replicas=1",
    "ScaleStatus": "replicas=1 selector=2",
}
