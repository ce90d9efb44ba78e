"""Field numbers of coordination/v1."""

from __future__ import annotations

PACKAGE = "coordination/v1"

MESSAGES: dict[str, str] = {
    "Lease": "metadata=1 spec=2",
    "LeaseSpec": (
        "acquireTime=3 holderIdentity=1 leaseDurationSeconds=2 leaseTransitions=5 preferredHolder=7 "
        "renewTime=4 strategy=6"
    ),
}
