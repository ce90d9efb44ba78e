"""Certificates out of Secrets, checked: one that the proxy would refuse must not keep back what else it is told."""

from __future__ import annotations

import base64
import os
import ssl

from api.types import Secret
from ingress.model import Certificate, Key, Problem

TYPE = "kubernetes.io/tls"
CHAIN, PRIVATE_KEY = "tls.crt", "tls.key"


def read(key: Key, secret: Secret | None) -> Certificate | Problem:
    """The certificate in a Secret, or why there is none. secret: None when no TLS Secret has the name."""
    name = "/".join(key)
    if secret is None:
        return Problem("SecretNotFound", f"Secret {name} of type {TYPE} does not exist")
    chain, private = (base64.b64decode(secret.data.get(field, "")) for field in (CHAIN, PRIVATE_KEY))
    refused = check(chain, private)
    if refused:
        return Problem("InvalidCertificate", f"Secret {name}: {refused}")
    return Certificate(chain, private)


def check(chain: bytes, private: bytes) -> str:
    """What is wrong with a certificate and its key, "" for nothing."""
    if not chain.strip() or not private.strip():
        return f"{CHAIN if not chain.strip() else PRIVATE_KEY} is empty"
    # The standard library reads them from files only; these are in memory.
    files = [_file(content) for content in (chain, private)]
    try:
        chain_file, key_file = (f"/proc/self/fd/{file}" for file in files)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain_file, key_file, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{PRIVATE_KEY} is not the key of {CHAIN}"
        return f"{CHAIN} and {PRIVATE_KEY} cannot be read as PEM ({error.reason or 'no certificate'})"
    finally:
        for file in files:
            os.close(file)
    return ""


def _file(content: bytes) -> int:
    file = os.memfd_create("certificate")
    os.write(file, content)
    return file
