"""Why a container could not be started: what its status says while it waits for another try."""

from __future__ import annotations


class Problem(Exception):
    """A failed start.

    reason, message: `state.waiting` of the container. retry_seconds: when to try again; None when the container has
    ended by itself and its restart policy says what comes next.
    """

    def __init__(self, reason: str, message: str, retry_seconds: float | None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_seconds = retry_seconds
