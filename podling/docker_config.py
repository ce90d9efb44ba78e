"""The person's registry credentials: Docker's own file, `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from images.reference import DEFAULT_DOMAIN
from images.registry.keyring import (
    DOCKER_IO_KEY,
    Credential,
    MalformedCredentials,
    encode_auth,
    matching,
    parse_config,
)
from podling.errors import CommandError


def path() -> Path:
    """Where the file is."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def credentials(repository: str) -> list[Credential]:
    """Those that fit a full repository name, the most specific first."""
    try:
        return matching(parse_config(path().read_bytes()), repository)
    except FileNotFoundError:
        return []
    except (OSError, MalformedCredentials) as error:
        raise CommandError(f"cannot read credentials from {path()}: {error}") from None


def keep(domain: str, credential: Credential) -> None:
    """Add or replace a registry's credential; everything else in the file stays."""
    tree = _read()
    tree.setdefault("auths", {})[_key(domain)] = {"auth": encode_auth(credential)}
    _write(tree)


def forget(domain: str) -> bool:
    """Drop a registry's credential; whether there was one."""
    tree = _read()
    found = tree.get("auths", {}).pop(_key(domain), None)
    if found is not None:
        _write(tree)
    return found is not None


def _key(domain: str) -> str:
    return DOCKER_IO_KEY if domain == DEFAULT_DOMAIN else domain


def _read() -> dict[str, Any]:
    try:
        tree: dict[str, Any] = json.loads(path().read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot read {path()}: {error}") from None
    return tree


def _write(tree: dict[str, Any]) -> None:
    """Whole or not at all, and for its owner only."""
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(tree, stream, indent=2)
        Path(name).rename(file)
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror}") from None
