"""A command that goes on talking: its lines as they come, and its end."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Streaming:
    """A running command whose output is read line by line, with a deadline."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._coming: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def until(self, text: str, *, seconds: float = 60) -> str:
        """The first line from here on with `text` in it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._coming.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {text!r} within {seconds} s in {self.lines}") from None
            if line is None:
                raise AssertionError(f"ended without {text!r}: {self.lines} {self.errors()}")
            self.lines.append(line)
            if text in line:
                return line

    def end(self, *, seconds: float = 60) -> int:
        """Its exit code, once it ends by itself."""
        code = self.process.wait(seconds)
        while (line := self._coming.get(timeout=60)) is not None:
            self.lines.append(line)
        return code

    def errors(self) -> str:
        """What it wrote to stderr so far; everything once it has ended."""
        if self.process.poll() is not None:
            self._readers[1].join(60)
        return "".join(self._errors)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._errors.append(line)


@contextmanager
def streaming(*command: str, env: Mapping[str, str]) -> Iterator[Streaming]:
    """Run a command beside the test; it is ended with the block."""
    with subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        talk = Streaming(process)
        try:
            yield talk
        finally:
            process.terminate()
            process.wait(60)
            talk.errors()
