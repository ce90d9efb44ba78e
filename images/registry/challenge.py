"""What a registry asks for when it refuses: the WWW-Authenticate header, read. Pure (RFC 9110, 11.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

_SCHEME = re.compile(r"\s*([A-Za-z]+)\s+")
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True)
class Challenge:
    """`scheme` is `basic` or `bearer`; `realm` where a bearer token is to be had."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""

    def token_url(self, scope: str) -> str:
        """Where to ask for a token that allows `scope`, unless the registry says which one it wants."""
        wanted = {"service": self.service, "scope": self.scope or scope}
        query = urlencode({name: value for name, value in wanted.items() if value})
        return f"{self.realm}{'&' if '?' in self.realm else '?'}{query}"


def parse(headers: Iterable[str]) -> Challenge | None:
    """The challenge to meet: bearer before basic; None when there is neither."""
    found = [challenge for header in headers if (challenge := _parse_one(header)) is not None]
    found.sort(key=lambda challenge: challenge.scheme != "bearer")
    return found[0] if found else None


def _parse_one(header: str) -> Challenge | None:
    match = _SCHEME.match(header)
    if match is None or match[1].lower() not in ("basic", "bearer"):
        return None
    values = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
        for name, quoted, plain in _PARAMETER.findall(header[match.end() :])
    }
    return Challenge(match[1].lower(), values.get("realm", ""), values.get("service", ""), values.get("scope", ""))
