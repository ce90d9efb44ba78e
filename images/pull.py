"""`python -m images.pull`: one pull in a process of its own, for the kubelet, whose memory it does not grow.

Reads a `Request` as JSON from standard input (credentials must not be in a command line), writes an `Outcome`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from . import access
from .errors import ImageError
from .pull_request import Outcome, Request
from .pulling import pull
from .reference import parse
from .registry.keyring import Credential
from .registry.trust import Trust
from .store import Store


def run(request: Request) -> Outcome:
    """Pull, and remember who may use what was pulled."""
    store = Store(request.store)
    # Without credentials first when there are none; otherwise the given ones only, as upstream's kubelet.
    by_credential = {offer.credential: offer for offer in reversed(request.offers)}

    def remember(credential: Credential | None, image_id: str) -> None:
        offer = by_credential.get(credential) if credential is not None else None
        # The node's own credentials are from no Secret: all its pods have them.
        origin = offer.origin if offer is not None and offer.uid else None
        access.remember(store, image_id, parse(request.image).repository, origin)

    try:
        done = pull(store, request.image, Trust(Path(request.certs_dir)), list(by_credential)[::-1], taking_in=remember)
        if not done.changed:
            remember(done.credential, done.image.id)
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
