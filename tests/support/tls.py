"""Certificates for tests: an authority and what it issues, in a directory of the test's."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cluster import pki


class TestAuthority:
    """A cluster authority in `directory`."""

    __test__ = False

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = datetime.datetime.now(datetime.UTC)
        self.pair = pki.create_authority(directory, "ca", "test-ca", self.now)

    @property
    def ca_file(self) -> Path:
        return self.pair.cert_file

    def issue(
        self,
        name: str,
        common_name: str = "",
        *,
        organizations: tuple[str, ...] = (),
        sans: tuple[str, ...] = ("localhost", "127.0.0.1"),
        lifetime: datetime.timedelta = pki.LEAF_LIFETIME,
    ) -> pki.Pair:
        return pki.issue(
            self.pair,
            self.directory,
            name,
            common_name or name,
            self.now,
            organizations=organizations,
            sans=sans,
            lifetime=lifetime,
        )

    def client_context(self, pair: pki.Pair | None = None) -> ssl.SSLContext:
        """A client's TLS: trusts the authority, shows `pair`'s certificate if given."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if pair is not None:
            context.load_cert_chain(pair.cert_file, pair.key_file)
        return context
