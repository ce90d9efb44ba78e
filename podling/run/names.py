"""Names for containers that were given none."""

from __future__ import annotations

import secrets

_LIKE = ("bold", "brave", "bright", "calm", "clever", "eager", "gentle", "happy", "keen", "kind", "lively", "merry")
_WHO = ("badger", "beaver", "curlew", "dolphin", "falcon", "heron", "lynx", "marten", "otter", "plover", "seal", "wren")


def made_up() -> str:
    """As `calm-otter-3f2a`."""
    return f"{secrets.choice(_LIKE)}-{secrets.choice(_WHO)}-{secrets.token_hex(2)}"
