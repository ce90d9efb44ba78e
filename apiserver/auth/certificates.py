"""Users from client certificates: the common name is the user, the organizations are its groups.

That is upstream's CommonNameUserConversion. The TLS layer has already verified the chain against the cluster's
authority; gRPC's has also verified the dates, which are looked at here for the REST door.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable, Mapping
from typing import Any

from apiserver.auth.user import ALL_AUTHENTICATED, User


def user_from_peer(certificate: Mapping[str, Any] | None, now: float) -> User | None:
    """The user of `SSLObject.getpeercert()`'s mapping at `now`, in seconds since 1970.

    None without a certificate, with one whose time has not come or is over, and without a common name.
    """
    if not certificate:
        return None
    first, last = (ssl.cert_time_to_seconds(certificate[key]) for key in ("notBefore", "notAfter"))
    if not first <= now <= last:
        return None
    attributes = [pair for rdn in certificate.get("subject", ()) for pair in rdn]
    return user_from_subject(
        [value for key, value in attributes if key == "commonName"],
        [value for key, value in attributes if key == "organizationName"],
    )


def credential_id(certificate: bytes) -> Mapping[str, tuple[str, ...]]:
    """The user's extra that tells which certificate (in DER form) was shown (upstream KEP-4193)."""
    return {"authentication.kubernetes.io/credential-id": (f"X509SHA256={hashlib.sha256(certificate).hexdigest()}",)}


def user_from_subject(common_names: Iterable[str], organizations: Iterable[str]) -> User | None:
    """As `user_from_peer` but for the dates, for a subject that was read elsewhere (gRPC's auth context)."""
    name = next(iter(common_names), "")
    if not name:
        return None
    return User(name, groups=(*organizations, ALL_AUTHENTICATED))
