"""The keys that sign and verify service-account tokens. The only importer of PyJWT, loaded on first use.

Key ids and the key-set document follow upstream (documentation "Managing Service Accounts",
service account issuer discovery): the id is the SHA-256 of the public key's DER form.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_END_MARK: Final = b"-----END"
_CURVE_ALGORITHMS: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class SigningKey:
    """A private key. Raises ValueError for anything but an RSA or elliptic-curve key in PEM form."""

    def __init__(self, pem: bytes) -> None:
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError("a service-account key must be an RSA or elliptic-curve key")
        self._key: PrivateKey = key
        public = key.public_key()
        self._algorithm = _algorithm(public)
        self._key_id = key_id(public)

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), self._key, self._algorithm, headers={"kid": self._key_id})


class VerifyingKeys:
    """Public keys by key id, read from PEM files that may hold several each. Raises ValueError."""

    def __init__(self, pems: Sequence[bytes]) -> None:
        self._keys: dict[str, PublicKey] = {}
        for pem in pems:
            for public in _public_keys(pem):
                self._keys[key_id(public)] = public

    def verify(self, token: str) -> dict[str, Any]:
        """The token's claims once its signature is found good; times, issuer and audience are the caller's to check.

        Raises ValueError, worded for people.
        """
        try:
            header = jwt.get_unverified_header(token)
            wanted = header.get("kid")
            candidates = [self._keys[wanted]] if wanted in self._keys else list(self._keys.values())
            return self._decode(token, candidates)
        except jwt.PyJWTError as error:
            raise ValueError(f"invalid bearer token: {error}") from error

    def key_set(self) -> bytes:
        """The JSON Web Key Set of /openid/v1/jwks."""
        keys = []
        for identity, public in self._keys.items():
            fields = json.loads(_web_key(public))
            fields.pop("key_ops", None)
            keys.append({"use": "sig", "kid": identity, "alg": _algorithm(public), **fields})
        return json.dumps({"keys": keys}, separators=(",", ":")).encode()

    def algorithms(self) -> list[str]:
        return sorted({_algorithm(public) for public in self._keys.values()})

    def _decode(self, token: str, candidates: Sequence[PublicKey]) -> dict[str, Any]:
        options: Any = {
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_aud": False,
            "verify_iss": False,
        }
        for public in candidates:
            try:
                return jwt.decode(token, public, algorithms=[_algorithm(public)], options=options)
            except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                continue
        raise ValueError("invalid bearer token: signed by a key this cluster does not know")


def key_id(public: PublicKey) -> str:
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def _web_key(public: PublicKey) -> str:
    if isinstance(public, rsa.RSAPublicKey):
        return RSAAlgorithm.to_jwk(public)
    return ECAlgorithm.to_jwk(public)


def _algorithm(public: PublicKey) -> str:
    if isinstance(public, rsa.RSAPublicKey):
        return "RS256"
    return _CURVE_ALGORITHMS[public.curve.name]


def _public_keys(pem: bytes) -> list[PublicKey]:
    """Every key in `pem`; a private key stands for its public half (as upstream accepts)."""
    found: list[PublicKey] = []
    for block in _blocks(pem):
        if b"PRIVATE KEY" in block:
            private = serialization.load_pem_private_key(block, password=None)
            public: Any = private.public_key()
        else:
            public = serialization.load_pem_public_key(block)
        if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise ValueError("a service-account key must be an RSA or elliptic-curve key")
        found.append(public)
    if not found:
        raise ValueError("no PEM key found")
    return found


def _blocks(pem: bytes) -> list[bytes]:
    blocks: list[bytes] = []
    lines: list[bytes] = []
    for line in pem.splitlines():
        if line.strip():
            lines.append(line)
        if line.startswith(_END_MARK):
            blocks.append(b"\n".join(lines) + b"\n")
            lines = []
    return blocks
