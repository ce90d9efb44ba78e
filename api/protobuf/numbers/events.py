"""Field numbers of events/v1."""

from __future__ import annotations

PACKAGE = "events/v1"

MESSAGES: dict[str, str] = {
    "Event": (
        "metadata=1 action=6 deprecatedCount=15 deprecatedFirstTimestamp=13 deprecatedLastTimestamp=14 "
        "deprecatedSource=12 eventTime=2 note=10 reason=7 regarding=8 related=9 reportingController=4 "
        "reportingInstance=5 series=3 type=11"
    ),
    "EventSeries": "count=1 lastObservedTime=2",
}
