"""Telling that a write failed because its namespace is going."""

from __future__ import annotations

from api.errors import StatusError

TERMINATING_CAUSE = "NamespaceTerminating"


def is_terminating(error: StatusError) -> bool:
    """A write was refused because its namespace is being deleted: there is no use in trying again."""
    return any(cause.get("reason") == TERMINATING_CAUSE for cause in error.causes)
