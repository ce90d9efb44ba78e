"""Structured logging: one line an event, key-value or JSON, on standard error."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

# structlog looks for rich, for tracebacks in colour; daemons would pay 7 MB and 60 ms each for it.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]
else:
    sys.modules["rich"] = _rich

LEVELS = ("debug", "info", "warning", "error")


class _StandardError:
    """Standard error, for those that have other things to do when it cannot be written: a disk may be full for a while.

    A line that cannot be written is lost; a process that stopped for it would be, too.
    """

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def get_logger() -> Any:
    """A logger; what it tells is set by `configure`, whenever that is called."""
    return structlog.get_logger()


def configure(component: str, level: str, format: str) -> None:
    """Set up structlog for this process; `component` is bound to every line."""
    renderer: Any
    if format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "component", "event"], drop_missing=True, bool_as_flag=False
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=_StandardError()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(component=component)
    # Libraries that use the standard library's logging speak only when something is wrong.
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format="level=%(levelname)s logger=%(name)s event=%(message)r",
    )
