"""The cluster's certificates: ECDSA P-256 authorities and leaf certificates as PEM files.

Only the launcher makes certificates; every other process just reads the files.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
LEAF_LIFETIME = datetime.timedelta(days=365)
# A leaf with less left than this is issued anew by the next `up`.
RENEW_BEFORE = datetime.timedelta(days=30)
# A clock a little behind ours must not refuse a certificate just made.
BACKDATE = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, and the files they are in."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    cert_file: Path
    key_file: Path


def create_authority(directory: Path, name: str, common_name: str, now: datetime.datetime) -> Pair:
    """Make a self-signed authority in `directory`/`name`.crt and .key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        _builder(subject, subject, key, now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _write(directory, name, certificate, key)


def load(directory: Path, name: str) -> Pair:
    """Read a pair made earlier. Raises FileNotFoundError, and ValueError when a file is not what it should be."""
    cert_file, key_file = directory / f"{name}.crt", directory / f"{name}.key"
    try:
        certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
    except ValueError:
        raise ValueError(f"{cert_file} holds no certificate") from None
    key = load_key(key_file)
    if certificate.public_key() != key.public_key():
        raise ValueError(f"{key_file} is not the key of {cert_file}")
    return Pair(certificate, key, cert_file, key_file)


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private key. Raises FileNotFoundError, and ValueError when there is none of ours in the file."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"{path} holds no private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} does not hold an elliptic-curve key")
    return key


def is_usable(authority: Pair, directory: Path, name: str, now: datetime.datetime, sans: Iterable[str]) -> bool:
    """Whether a pair need not be issued (again): whole, of this authority, with these names, not about to lapse."""
    try:
        pair = load(directory, name)
        pair.certificate.verify_directly_issued_by(authority.certificate)
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
        return False
    wanted = {_general_name(san) for san in sans}
    return wanted <= _names(pair.certificate) and pair.certificate.not_valid_after_utc - now > RENEW_BEFORE


def issue(
    authority: Pair,
    directory: Path,
    name: str,
    common_name: str,
    now: datetime.datetime,
    *,
    organizations: Iterable[str] = (),
    sans: Iterable[str] = (),
    lifetime: datetime.timedelta = LEAF_LIFETIME,
) -> Pair:
    """Make a leaf certificate, for calling (CN and O are user and groups) and for being called (sans)."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization) for organization in organizations]
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    issuer_key_id = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(x509.Name(attributes), authority.certificate.subject, key, now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key_id), critical=False)
    )
    names = [_general_name(san) for san in sans]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _write(directory, name, builder.sign(authority.key, hashes.SHA256()), key)


def create_signing_key(directory: Path, name: str) -> Path:
    """Make the key that signs service-account tokens: `name`.key, and `name`.pub beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    key_file = directory / f"{name}.key"
    _write_whole(key_file, _private_pem(key), 0o600)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_whole(directory / f"{name}.pub", public, 0o644)
    return key_file


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    lifetime: datetime.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _names(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return set()


def _general_name(san: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(san))
    except ValueError:
        return x509.DNSName(san)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(directory: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    cert_file, key_file = directory / f"{name}.crt", directory / f"{name}.key"
    _write_whole(key_file, _private_pem(key), 0o600)
    _write_whole(cert_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return Pair(certificate, key, cert_file, key_file)


def _write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is never seen half written, whenever we may be killed."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
