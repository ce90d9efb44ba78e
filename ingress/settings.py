"""What an Ingress says by annotation: timeouts, redirects, rewriting, the backend's protocol (docs/ingress.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from ingress.model import DEFAULT_IDLE_SECONDS, DEFAULT_RETRIES, Problem, Protocol, Redirect

PREFIX = "podling.io/"
REDIRECT_CODES = (301, 302, 303, 307, 308)
_MOST_RETRIES = 10
_MOST_SECONDS = 365 * 24 * 3600.0

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PROTOCOLS = {"http": Protocol.HTTP, "h2c": Protocol.H2C, "grpc": Protocol.H2C, "https": Protocol.HTTPS}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """An Ingress' annotations, read. What is wrong has its default, and is told."""

    timeout_seconds: float
    idle_seconds: float
    retries: int
    https_redirect: bool
    redirect: Redirect | None
    rewrite_prefix: str | None
    protocol: Protocol | None
    problems: list[Problem] = field(default_factory=list)


def read(annotations: Mapping[str, str]) -> Settings:
    problems: list[Problem] = []

    def value(name: str, parse: Callable[[str], T], default: T) -> T:
        text = annotations.get(PREFIX + name)
        if text is None:
            return default
        try:
            return parse(text.strip())
        except ValueError as error:
            message = f"annotation {PREFIX}{name}: {text!r} is not {error}; it is ignored"
            problems.append(Problem("InvalidAnnotation", message))
            return default

    code = value("redirect-code", _redirect_code, 302)
    target: Redirect | None = value("redirect", _redirect, None)
    return Settings(
        timeout_seconds=value("timeout", duration_seconds, 0.0),
        idle_seconds=value("idle-timeout", duration_seconds, DEFAULT_IDLE_SECONDS),
        retries=value("retries", _retries, DEFAULT_RETRIES),
        https_redirect=value("https-redirect", _boolean, False),
        redirect=target and Redirect(code, target.scheme, target.host, target.port, target.path),
        rewrite_prefix=value("rewrite-prefix", _path, None),
        protocol=value("backend-protocol", _protocol, None),
        problems=problems,
    )


def duration_seconds(text: str) -> float:
    """`1m30s`, `500ms`; `0s` for no limit. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError("a duration like 500ms, 30s or 5m")
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > _MOST_SECONDS:
        raise ValueError("a duration of at most a year")
    return seconds


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError('"true" or "false"')
    return text == "true"


def _retries(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_RETRIES:
        raise ValueError(f"a number from 0 to {_MOST_RETRIES}")
    return int(text)


def _redirect_code(text: str) -> int:
    if not text.isdecimal() or int(text) not in REDIRECT_CODES:
        raise ValueError(f"one of {', '.join(map(str, REDIRECT_CODES))}")
    return int(text)


def _redirect(text: str) -> Redirect | None:
    rule = "a URL like https://example.com/path, or a path like /path"
    try:
        parts = urlsplit(text)
        port = parts.port or 0
    except ValueError:
        raise ValueError(rule) from None
    absolute = parts.scheme in ("http", "https") and bool(parts.hostname)
    relative = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    if not (absolute or relative) or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(rule)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    host = parts.hostname or ""
    return Redirect(0, parts.scheme, f"[{host}]" if ":" in host else host, port, path)


def _path(text: str) -> str | None:
    if not text.startswith("/") or re.search(r"[\s?#\x00-\x1f]", text):
        raise ValueError("a path like / or /v1")
    return text


def _protocol(text: str) -> Protocol | None:
    if text.lower() not in _PROTOCOLS:
        raise ValueError("one of HTTP, H2C, GRPC, HTTPS")
    return _PROTOCOLS[text.lower()]
