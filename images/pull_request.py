"""What the kubelet and the process that pulls for it say to each other, as JSON.

Imports little: the kubelet keeps it in memory.
"""

from __future__ import annotations

import msgspec

from . import access
from .access import Origin
from .registry.keyring import Credential


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A credential to try, and the Secret it is from."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""
    uid: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def credential(self) -> Credential:
        """As a registry is told it."""
        return Credential(self.username, self.password, self.identity_token, self.registry_token)

    @property
    def origin(self) -> Origin:
        """As the store remembers it."""
        return Origin(self.uid, self.namespace, self.name, access.credential_hash(self.credential))


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to pull into which store. Files and folders are paths."""

    image: str
    store: str
    certs_dir: str
    offers: list[Offer] = []


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`error` is empty when the store holds the image; `kind` is the class of the error."""

    error: str = ""
    kind: str = ""
    size_bytes: int = 0
