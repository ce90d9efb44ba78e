"""Field numbers of discovery/v1."""

from __future__ import annotations

PACKAGE = "discovery/v1"

MESSAGES: dict[str, str] = {
    "Endpoint": "addresses=1 conditions=2 deprecatedTopology=5 hints=8 hostname=3 nodeName=6 targetRef=4 zone=7",
    "EndpointConditions": "ready=1 serving=2 terminating=3",
    "EndpointHints": "forNodes=2 forZones=1",
    "EndpointPort": "name=1 appProtocol=4 port=3 protocol=2",
    "EndpointSlice": "metadata=1 addressType=4 endpoints=2 ports=3",
    "ForNode": "name=1",
    "ForZone": "name=1",
}
