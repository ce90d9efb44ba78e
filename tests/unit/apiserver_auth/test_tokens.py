"""Service-account tokens: what is issued is accepted, until anything about it stops being true."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from api import codec, errors
from api.types import Node, Pod, Secret, ServiceAccount
from apiserver.auth import static_tokens
from apiserver.auth.authn import ANONYMOUS_USER, Authenticator, anonymous
from apiserver.auth.service_accounts import InvalidToken, Reference, TokenIssuer, TokenSubject, TokenVerifier
from apiserver.auth.signing_keys import VerifyingKeys

ISSUER = "https://kubernetes.default.svc"
NOW = 1_800_000_000.0
SUBJECT = TokenSubject(namespace="a", service_account=Reference("robot", "sa-1"), pod=Reference("p", "pod-1"))


class Objects:
    """Live objects by kind, namespace and name; the value is the uid."""

    def __init__(self) -> None:
        self.uids = {("sa", "a", "robot"): "sa-1", ("pod", "a", "p"): "pod-1", ("node", "", "n1"): "node-1"}

    def service_account(self, namespace: str, name: str) -> ServiceAccount | None:
        return self._find(ServiceAccount, "sa", namespace, name)

    def pod(self, namespace: str, name: str) -> Pod | None:
        return self._find(Pod, "pod", namespace, name)

    def secret(self, namespace: str, name: str) -> Secret | None:
        return self._find(Secret, "secret", namespace, name)

    def node(self, name: str) -> Node | None:
        return self._find(Node, "node", "", name)

    def _find(self, kind: Any, word: str, namespace: str, name: str) -> Any:
        uid = self.uids.get((word, namespace, name))
        return None if uid is None else codec.from_tree(kind, {"metadata": {"name": name, "uid": uid}})


@pytest.fixture(params=["elliptic", "rsa"])
def key_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_key(tmp_path / "sa.key", rsa_key=request.param == "rsa")


def write_key(path: Path, *, rsa_key: bool = False) -> Path:
    key: Any = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def issuer(key_file: Path) -> TokenIssuer:
    return TokenIssuer(ISSUER, key_file)


@pytest.fixture
def verifier(key_file: Path, objects: Objects) -> TokenVerifier:
    return TokenVerifier(ISSUER, [key_file], objects)


def test_an_issued_token_stands_for_its_service_account(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    issued = issuer.issue(SUBJECT, [], 3600, NOW)
    assert issued.expires_at == NOW + 3600
    user = verifier.verify(issued.token, NOW + 1).user
    assert user.name == "system:serviceaccount:a:robot"
    assert user.uid == "sa-1"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")
    assert user.extra["authentication.kubernetes.io/pod-name"] == ("p",)
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")


def test_claims_are_upstreams(issuer: TokenIssuer) -> None:
    subject = dataclasses.replace(SUBJECT, node=Reference("n1", "node-1"))
    claims = jwt.decode(issuer.issue(subject, ["vault"], 60, NOW).token, options={"verify_signature": False})
    assert claims.pop("jti")
    assert claims == {
        "aud": ["vault"],
        "exp": NOW + 60,
        "iat": NOW,
        "iss": ISSUER,
        "nbf": NOW,
        "sub": "system:serviceaccount:a:robot",
        "kubernetes.io": {
            "namespace": "a",
            "serviceaccount": {"name": "robot", "uid": "sa-1"},
            "pod": {"name": "p", "uid": "pod-1"},
            "node": {"name": "n1", "uid": "node-1"},
        },
    }


@pytest.mark.parametrize("asked_before", [False, True])
@pytest.mark.parametrize(
    ("now", "reason"),
    [(NOW + 60, "expired"), (NOW - 1, "not yet valid")],
)
def test_times_are_checked_every_time(
    issuer: TokenIssuer, verifier: TokenVerifier, now: float, reason: str, asked_before: bool
) -> None:
    token = issuer.issue(SUBJECT, [], 60, NOW).token
    if asked_before:
        verifier.verify(token, NOW)
    with pytest.raises(InvalidToken, match=reason):
        verifier.verify(token, now)


@pytest.mark.parametrize("gone", [("sa", "a", "robot"), ("pod", "a", "p")])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_token_dies_with_what_it_is_bound_to(
    issuer: TokenIssuer, verifier: TokenVerifier, objects: Objects, gone: tuple[str, str, str], replaced: bool
) -> None:
    token = issuer.issue(SUBJECT, [], 60, NOW).token
    verifier.verify(token, NOW)
    if replaced:
        objects.uids[gone] = "another"
    else:
        del objects.uids[gone]
    with pytest.raises(InvalidToken):
        verifier.verify(token, NOW)


def test_audiences(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    token = issuer.issue(SUBJECT, ["vault", "store"], 60, NOW).token
    assert verifier.verify(token, NOW, ["store", "other"]).audiences == ("store",)
    with pytest.raises(InvalidToken, match="audiences"):
        verifier.verify(token, NOW)


def test_foreign_keys_issuers_and_garbage_are_refused(tmp_path: Path, key_file: Path, verifier: TokenVerifier) -> None:
    foreign = TokenIssuer(ISSUER, write_key(tmp_path / "foreign.key"))
    elsewhere = TokenIssuer("https://elsewhere", key_file)
    unsigned = jwt.encode({"iss": ISSUER, "sub": "x"}, None, "none")
    for token in (
        foreign.issue(SUBJECT, [], 60, NOW).token,
        elsewhere.issue(SUBJECT, [ISSUER], 60, NOW).token,
        unsigned,
        "garbage",
        "a.b.c",
    ):
        with pytest.raises(InvalidToken):
            verifier.verify(token, NOW)


def test_a_symmetric_signature_with_the_public_key_is_refused(key_file: Path, verifier: TokenVerifier) -> None:
    forged = jwt.encode({"iss": ISSUER, "sub": "x"}, "0" * 64, "HS256")
    with pytest.raises(InvalidToken):
        verifier.verify(forged, NOW)


def test_key_set_verifies_what_was_signed(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    token = issuer.issue(SUBJECT, [], 60, NOW).token
    (entry,) = json.loads(verifier.keys.key_set())["keys"]
    assert entry["use"] == "sig"
    assert entry["kid"] == jwt.get_unverified_header(token)["kid"]
    key = jwt.PyJWK(entry)
    options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    assert jwt.decode(token, key, algorithms=[entry["alg"]], options=options)["iss"] == ISSUER


def test_a_file_may_hold_several_keys(tmp_path: Path) -> None:
    pems = write_key(tmp_path / "1").read_bytes() + b"\n" + write_key(tmp_path / "2", rsa_key=True).read_bytes()
    assert VerifyingKeys([pems]).algorithms() == ["ES256", "RS256"]
    with pytest.raises(ValueError, match="no PEM key"):
        VerifyingKeys([b"nothing"])


def test_authenticator_takes_bearer_tokens(issuer: TokenIssuer, verifier: TokenVerifier, tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text('secret,jane,7,"devs,ops"\n')
    authenticator = Authenticator(verifier, static_tokens.read(file), now=lambda: NOW)
    jane = authenticator.from_header("Bearer secret")
    assert jane is not None
    assert (jane.name, jane.uid, jane.groups) == ("jane", "7", ("devs", "ops", "system:authenticated"))
    robot = authenticator.from_header("bearer " + issuer.issue(SUBJECT, [], 60, NOW).token)
    assert robot is not None and robot.name == "system:serviceaccount:a:robot"
    assert authenticator.from_header("Basic abc") is None
    with pytest.raises(errors.Unauthorized) as caught:
        authenticator.from_header("Bearer wrong")
    assert caught.value.to_status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_a_broken_token_file_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text("good,jane,7\nbad\n")
    with pytest.raises(ValueError, match="line 2"):
        static_tokens.read(file)


def test_anonymous_only_where_health_and_version_are() -> None:
    for path in ("/healthz", "/livez", "/readyz", "/readyz/etcd", "/version"):
        assert anonymous(path) is ANONYMOUS_USER
    for path in ("/", "/api", "/api/v1/pods", "/metrics", "/versions", "/healthzz"):
        with pytest.raises(errors.Unauthorized):
            anonymous(path)
