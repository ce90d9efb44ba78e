"""Which registries are believed, and over what: TLS by the machine's authorities, by further ones, or plain HTTP.

As Docker: a registry on a loopback address need not have a certificate, any other must. Further authorities and client
certificates are in `CERTS-DIR/HOST:PORT/` (`*.crt`; `NAME.cert` with `NAME.key`).
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from ..errors import RegistryError

DEFAULT_CERTS_DIR = Path("/etc/podling/certs.d")


@dataclass(frozen=True)
class Trust:
    """`authority` is one more file of certificates for any registry; `insecure` names registries that need none."""

    certs_dir: Path = DEFAULT_CERTS_DIR
    authority: Path | None = None
    insecure: frozenset[str] = frozenset()

    def is_insecure(self, domain: str) -> bool:
        """Whether its certificate need not be believed, nor be there."""
        return domain in self.insecure or is_loopback(domain)

    def context(self, domain: str) -> ssl.SSLContext:
        """How TLS is spoken with a registry. Raises RegistryError when a file is not a certificate."""
        context = ssl.create_default_context()
        directory = self.certs_dir / domain
        authorities = [*([self.authority] if self.authority else []), *sorted(directory.glob("*.crt"))]
        file: Path | None = None
        try:
            for file in authorities:
                context.load_verify_locations(file)
            for file in sorted(directory.glob("*.cert")):
                context.load_cert_chain(file, file.with_suffix(".key"))
        except (OSError, ssl.SSLError) as error:
            raise RegistryError(f"cannot use {file} for registry {domain}: {error.strerror or error}") from error
        if self.is_insecure(domain) and not authorities:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def is_loopback(domain: str) -> bool:
    """Whether a registry's name says that it is on this machine."""
    host = domain.rpartition("]")[0].lstrip("[") if domain.startswith("[") else domain.partition(":")[0]
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
