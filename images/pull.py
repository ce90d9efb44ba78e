"""`python -m images.pull`: one pull in a process of its own, for the kubelet, whose memory it does not grow.

Reads a `Request` as JSON from standard input (credentials must not be in a command line), writes an `Outcome`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from . import access
from .access import Origin
from .errors import ImageError
from .pulling import pull
from .reference import parse
from .registry.keyring import Credential
from .registry.trust import Trust
from .store import Store


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


def run(request: Request) -> Outcome:
    """Pull, and remember who may use what was pulled."""
    store = Store(request.store)
    # Without credentials first when there are none; otherwise the given ones only, as upstream's kubelet.
    by_credential = {offer.credential: offer for offer in reversed(request.offers)}
    try:
        done = pull(store, request.image, Trust(Path(request.certs_dir)), list(by_credential)[::-1])
        origin = None if done.credential is None else by_credential[done.credential].origin
        access.remember(store, done.image.id, parse(request.image).repository, origin)
    except ImageError as error:
        return Outcome(error=str(error), kind=type(error).__name__)
    return Outcome(size_bytes=done.image.size_bytes)


def main() -> int:
    """The command: 0 when the outcome was written."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    sys.stdout.buffer.write(msgspec.json.encode(run(request)))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
