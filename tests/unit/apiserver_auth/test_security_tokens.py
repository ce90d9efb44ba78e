"""A token dies with what it is bound to, also when a finalizer keeps the object from going."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from api import codec, timestamps
from api.types import Node, Pod, Secret, ServiceAccount
from apiserver.auth.service_accounts import InvalidToken, Reference, TokenIssuer, TokenSubject, TokenVerifier

NOW = 1_800_000_000.0
KINDS: dict[str, type[Any]] = {"service_account": ServiceAccount, "pod": Pod, "secret": Secret, "node": Node}


class Terminating:
    """All objects exist; those of one kind are being deleted, due at NOW."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def _get(self, kind: str, name: str) -> Any:
        metadata = {"name": name, "uid": "u"}
        if kind == self._kind:
            metadata["deletionTimestamp"] = timestamps.now_text(NOW)
        return codec.from_tree(KINDS[kind], {"metadata": metadata})

    def service_account(self, namespace: str, name: str) -> ServiceAccount | None:
        return self._get("service_account", name)

    def pod(self, namespace: str, name: str) -> Pod | None:
        return self._get("pod", name)

    def secret(self, namespace: str, name: str) -> Secret | None:
        return self._get("secret", name)

    def node(self, name: str) -> Node | None:
        return self._get("node", name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_outlives_a_deletion_by_a_minute_only(kind: str, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "sa.key"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    bound = {kind: Reference("x", "u")} if kind != "service_account" else {}
    subject = TokenSubject(namespace="a", service_account=Reference("robot", "u"), **bound)
    token = TokenIssuer("issuer", file).issue(subject, (), 3600, NOW - 10).token
    verifier = TokenVerifier("issuer", [file], Terminating(kind))
    for moment in (NOW - 1, NOW + 59):
        assert verifier.verify(token, moment).user.name == "system:serviceaccount:a:robot"
    with pytest.raises(InvalidToken, match="has been deleted"):
        verifier.verify(token, NOW + 61)
