"""Names of images, read as Docker and the kubelet read them.

`busybox` means `docker.io/library/busybox:latest`. Source: github.com/distribution/reference, the grammar and
"normalized named" rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidReference

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_OFFICIAL = "library"
_MAX_NAME = 255

_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_DOMAIN_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """A full name. `repository` has domain and path; a reference has a tag, a digest, or both."""

    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def is_digest(text: str) -> bool:
    """Whether this is a sha256 digest, as image ids are."""
    return _DIGEST.fullmatch(text) is not None


def parse(text: str) -> Reference:
    """The full name for what a person wrote. Raises InvalidReference with Docker's wording."""
    if is_digest(text):
        raise InvalidReference(f"invalid reference format: {text!r} is a digest without a name")
    rest, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise InvalidReference(f"invalid reference format: {text!r} has a malformed digest")
    name, tag = rest, ""
    colon = rest.rfind(":")
    if colon > rest.rfind("/"):
        name, tag = rest[:colon], rest[colon + 1 :]
        if _TAG.fullmatch(tag) is None:
            raise InvalidReference(f"invalid reference format: {text!r} has a malformed tag")
    domain, path = _split_domain(name)
    if _PATH.fullmatch(path) is None:
        if _PATH.fullmatch(path.lower()) is not None:
            raise InvalidReference(f"invalid reference format: repository name ({path}) must be lowercase")
        raise InvalidReference(f"invalid reference format: {text!r}")
    if _DOMAIN.fullmatch(domain) is None:
        raise InvalidReference(f"invalid reference format: {text!r} has a malformed domain")
    repository = f"{domain}/{path}"
    if len(repository) > _MAX_NAME:
        raise InvalidReference(f"repository name must not be more than {_MAX_NAME} characters")
    return Reference(repository, tag or ("" if digest else DEFAULT_TAG), digest)


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_domain = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    domain, path = (first, rest) if is_domain else (DEFAULT_DOMAIN, name)
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"{_OFFICIAL}/{path}"
    return domain, path
