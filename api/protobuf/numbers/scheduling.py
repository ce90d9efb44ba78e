"""Field numbers of scheduling/v1."""

from __future__ import annotations

PACKAGE = "scheduling/v1"

MESSAGES: dict[str, str] = {
    "PriorityClass": "metadata=1 description=4 globalDefault=3 preemptionPolicy=5 value=2",
}
