"""One action on several objects: a failure with one does not keep the others from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from podling.cli.output import note
from podling.errors import CommandError

T = TypeVar("T")


def each(items: Iterable[T], act: Callable[[T], object]) -> None:
    """Act on every item. Raises the last CommandError at the end; those before it are printed as they come."""
    failure: CommandError | None = None
    for item in items:
        try:
            act(item)
        except CommandError as error:
            if failure is not None:
                note(f"podling: {failure}")
            failure = error
    if failure is not None:
        raise failure
