"""Credentials for registries: Docker's config.json and Kubernetes' pull secrets, and which of them fit an image.

Pure. Source of the forms: `~/.docker/config.json`, the Secret types kubernetes.io/dockerconfigjson and
kubernetes.io/dockercfg; of the matching: upstream's pkg/credentialprovider (keyring.go).
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_DOCKER_IO = ("docker.io", "index.docker.io", "registry-1.docker.io")
DOCKER_IO_KEY = "https://index.docker.io/v1/"


class MalformedCredentials(ValueError):
    """A config that is not what Docker writes. Never quotes its content."""


@dataclass(frozen=True)
class Credential:
    """Who one is at a registry. `identity_token` (OAuth2's refresh token) goes before the password."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return f"Credential({self.username!r})"


@dataclass(frozen=True)
class Entry:
    """A credential and what it is for: a registry, with wildcards in its host, perhaps a path below it."""

    pattern: str
    credential: Credential


def parse_config(text: str | bytes) -> list[Entry]:
    """The entries of a config.json. Raises MalformedCredentials."""
    tree = _object(text)
    return _entries(tree.get("auths") or {})


def parse_legacy_config(text: str | bytes) -> list[Entry]:
    """The entries of an old .dockercfg, which has no `auths` around them. Raises MalformedCredentials."""
    return _entries(_object(text))


def matching(entries: Iterable[Entry], repository: str) -> list[Credential]:
    """The credentials for a full repository name, the most specific first, each once."""
    fitting = [entry for entry in entries if _fits(entry.pattern, repository)]
    fitting.sort(key=lambda entry: _normal(entry.pattern), reverse=True)
    return list(dict.fromkeys(entry.credential for entry in fitting))


def encode_auth(credential: Credential) -> str:
    """The `auth` field: base64 of user and password."""
    return base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise MalformedCredentials("it is not JSON") from error
    if not isinstance(tree, dict):
        raise MalformedCredentials("it is not a JSON object")
    return tree


def _entries(tree: Any) -> list[Entry]:
    if not isinstance(tree, dict) or not all(isinstance(each, dict) for each in tree.values()):
        raise MalformedCredentials("its entries are not objects by registry")
    return [Entry(pattern, _credential(pattern, entry)) for pattern, entry in tree.items()]


def _credential(pattern: str, entry: dict[str, Any]) -> Credential:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            decoded = base64.b64decode(str(entry["auth"]).strip(), validate=False).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise MalformedCredentials(f"the auth of {pattern} is not base64") from error
        user, colon, secret = decoded.partition(":")
        if not colon:
            raise MalformedCredentials(f"the auth of {pattern} is not base64 of USER:PASSWORD")
        username, password = user, secret.rstrip("\0")
    return Credential(username, password, str(entry.get("identitytoken") or ""), str(entry.get("registrytoken") or ""))


def _normal(pattern: str) -> str:
    """Without scheme, and without the /v1 and /v2 that old configs end in."""
    rest = pattern if "://" in pattern else f"https://{pattern}"
    parts = urlsplit(rest)
    path = parts.path.rstrip("/")
    for version in ("/v1", "/v2"):
        path = path.removesuffix(version)
    host = "docker.io" if parts.netloc in _DOCKER_IO else parts.netloc
    return host + path


def _fits(pattern: str, repository: str) -> bool:
    host, _, path = _normal(pattern).partition("/")
    own_host, _, own_path = repository.partition("/")
    if not _host_fits(host, own_host):
        return False
    return not path or own_path == path or own_path.startswith(path.rstrip("/") + "/")


def _host_fits(pattern: str, host: str) -> bool:
    """A wildcard stands for (part of) one label; a port must be the same."""
    name, _, port = pattern.partition(":")
    own_name, _, own_port = host.partition(":")
    labels: Sequence[str] = name.split(".")
    own_labels: Sequence[str] = own_name.split(".")
    same_shape = port == own_port and len(labels) == len(own_labels)
    return same_shape and all(map(fnmatch.fnmatchcase, own_labels, labels))
