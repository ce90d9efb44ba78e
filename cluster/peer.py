"""Who is at the other end of a gRPC connection, by the certificate that TLS has verified.

The certificate itself is not parsed: gRPC gives its subject as RFC 2253 text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# An attribute of a distinguished name; commas, pluses and backslashes in its value are escaped.
_ATTRIBUTE = re.compile(r"(?:\A|[,+])\s*([A-Za-z0-9.]+)=((?:\\.|[^\\,+])*)")
_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{2}|.)")


@dataclass(frozen=True, slots=True)
class Peer:
    """A certificate's subject as a user: its common name, and its organizations as groups."""

    name: str
    groups: tuple[str, ...]


def of(auth_context: Mapping[str, Sequence[bytes]]) -> Peer | None:
    """The peer of a connection; None without a certificate that names one. `auth_context` is gRPC's."""
    for subject in auth_context.get("x509_subject", ()):
        found = _ATTRIBUTE.findall(subject.decode("utf-8", "replace"))
        attributes = [(kind, _ESCAPED.sub(_unescape, value)) for kind, value in found]
        names = [value for kind, value in attributes if kind == "CN"]
        if names:
            return Peer(names[0], tuple(value for kind, value in attributes if kind == "O"))
    return None


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 16)) if len(code) == 2 else code
