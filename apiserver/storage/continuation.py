"""Continue tokens of paged lists, in upstream's form: base64url JSON with a revision and the next key. Pure."""

from __future__ import annotations

import base64
import binascii
import posixpath
from typing import Any

import msgspec

from api.errors import BadRequest, Expired

INCONSISTENT = -1
_VERSION = "meta.k8s.io/v1"

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
    "the results. Continuing with the provided token results in an inconsistent list - objects that were "
    "created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


class _Token(msgspec.Struct, frozen=True):
    v: str
    rv: int
    start: str


class ContinueExpired(Expired):
    """The token's revision is gone; the Status carries a token to go on inconsistently."""

    def __init__(self, start: str) -> None:
        super().__init__(_TOO_OLD)
        self._token = encode(INCONSISTENT, start)

    def to_status(self) -> dict[str, Any]:
        status = super().to_status()
        status["metadata"] = {"continue": self._token}
        return status


def encode(revision: int, start: str) -> str:
    """A token for the keys from `start` on (relative to the listed collection) at `revision`."""
    text = msgspec.json.encode(_Token(v=_VERSION, rv=revision, start=start))
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decode(token: str) -> tuple[int, str]:
    """Revision (`INCONSISTENT` for the latest) and start. Raises `BadRequest` in upstream's words."""
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        position = next((i for i, c in enumerate(token) if not (c.isalnum() or c in "-_")), 0)
        raise _invalid(f"illegal base64 data at input byte {position}") from None
    try:
        decoded = msgspec.json.decode(text, type=_Token)
    except msgspec.MsgspecError as error:
        raise _invalid(str(error)) from None
    if decoded.v != _VERSION:
        raise _invalid("server does not recognize this encoded version")
    if decoded.rv == 0 or decoded.rv < INCONSISTENT:
        raise _invalid(f"incorrect encoded start resourceVersion (version {_VERSION})")
    start = decoded.start
    # A start key must not lead out of the listed collection.
    if not start or posixpath.normpath("/" + start) != "/" + start:
        raise _invalid(f"{start}")
    return decoded.rv, start


def _invalid(cause: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid: {cause}")
