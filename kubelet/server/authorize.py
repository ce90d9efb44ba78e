"""Who may call the node's server: the API server, and the cluster's administrators.

TLS has verified the caller's certificate; here its subject decides. The certificate itself is not parsed: gRPC gives
the subject as RFC 2253 text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

API_SERVER = "kube-apiserver-kubelet-client"
MASTERS = "system:masters"
CONTROLLERS = "system:kube-controller-manager"

# An attribute of a distinguished name; commas, pluses and backslashes in its value are escaped.
_ATTRIBUTE = re.compile(r"(?:\A|[,+])\s*([A-Za-z0-9.]+)=((?:\\.|[^\\,+])*)")
_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{2}|.)")


def allowed(auth_context: Mapping[str, Sequence[bytes]]) -> bool:
    """Whether the peer of a connection may call. `auth_context` is gRPC's."""
    subjects = auth_context.get("x509_subject", ())
    return any(_privileged(subject.decode("utf-8", "replace")) for subject in subjects)


def may_provision(auth_context: Mapping[str, Sequence[bytes]]) -> bool:
    """Whether the peer may have volumes made on this node: the controllers, and the cluster's administrators."""
    subjects = auth_context.get("x509_subject", ())
    attributes = [each for subject in subjects for each in _attributes(subject.decode("utf-8", "replace"))]
    return ("CN", CONTROLLERS) in attributes or ("O", MASTERS) in attributes


def _privileged(subject: str) -> bool:
    attributes = _attributes(subject)
    return ("CN", API_SERVER) in attributes or ("O", MASTERS) in attributes


def _attributes(subject: str) -> list[tuple[str, str]]:
    return [(kind, _ESCAPED.sub(_unescape, value)) for kind, value in _ATTRIBUTE.findall(subject)]


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 16)) if len(code) == 2 else code
