"""The REST door's TLS: clients are asked for a certificate and may have none, or one whose time is over."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for.
_NO_CHECK_TIME: Final = 0x200000


def context(ca_file: Path, cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """Asks for a client certificate and also takes callers without one: they may bring a token.

    Dates are not looked at here but where the user is made of the certificate: who shows one that has expired is
    answered 401, as upstream does, instead of being cut off. Certificates of other authorities end the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert_file, key_file)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= _NO_CHECK_TIME
    return context
