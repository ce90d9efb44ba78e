"""What a command says while it waits: one line that changes for a person who watches, plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


@contextmanager
def progress(*, plain: bool = True) -> Iterator[Say]:
    """A function that says where things stand; saying the same again says nothing.

    plain: whether it speaks where nobody watches.
    """
    if sys.stdout.isatty():
        from rich.console import Console

        with Console().status("") as status:
            yield lambda line: status.update(line.replace("[", "\\["))
        return
    last = ""

    def say(line: str) -> None:
        nonlocal last
        if plain and line != last:
            print(line, flush=True)
            last = line

    yield say
