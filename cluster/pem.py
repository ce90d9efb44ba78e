"""Whether PEM files are what a flag says they are: told at the start, by name, not by a failing handshake later.

Only the standard library's TLS is used: most processes have no other need to understand certificates.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----")
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")


class PemError(Exception):
    """A file is missing or is not what it should be; the text says which."""


def check_authority(file: Path) -> None:
    """A file of certificates to trust. Raises PemError."""
    _find(_CERTIFICATE, "certificate", file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise PemError(f"{file} holds no certificate that can be read") from None


def check_pair(cert_file: Path, key_file: Path) -> None:
    """A certificate and its private key. Raises PemError."""
    _find(_CERTIFICATE, "certificate", cert_file)
    check_private_key(key_file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert_file, key_file)
    except ssl.SSLError:
        raise PemError(f"{cert_file} and {key_file} are not a certificate and its key") from None


def check_private_key(file: Path) -> None:
    """A file that has the marks of a private key. Raises PemError."""
    _find(_PRIVATE_KEY, "private key", file)


def _find(mark: re.Pattern[bytes], what: str, file: Path) -> None:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise PemError(f"cannot read {file}: no such file") from None
    except OSError as error:
        raise PemError(f"cannot read {file}: {error.strerror}") from None
    if not mark.search(content):
        raise PemError(f"{file} holds no {what}")
