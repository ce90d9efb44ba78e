"""Who may use an image that a kubelet pulled with credentials: those who have them, as if they had to pull it.

One record for an image of the store, kept beside it: nodes of one machine share what they have pulled. An image without
a record was put here by hand and is everybody's. Source of the rules: upstream's KEP-2535 (image pull manager, policy
NeverVerifyPreloadedImages).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from . import oci
from .errors import CorruptImage
from .registry.keyring import Credential
from .store import Store

# How long a record may be there before its image is.
_COMING_SECONDS: Final = 3600.0


class Origin(msgspec.Struct, frozen=True):
    """The Secret a credential came from, and a hash of the credential."""

    uid: str
    namespace: str
    name: str
    credential_hash: str


class _Repository(msgspec.Struct):
    anybody: bool = False
    origins: list[Origin] = []


class _Record(msgspec.Struct):
    repositories: dict[str, _Repository] = {}


def credential_hash(credential: Credential) -> str:
    """Tells credentials apart without holding them."""
    fields = (credential.username, credential.password, credential.identity_token, credential.registry_token)
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()


def remember(store: Store, image_id: str, repository: str, origin: Origin | None) -> None:
    """An image is pulled from a repository with this credential, or with none. Forgets images that are gone.

    To be called before the store has the image: whoever dies in between must not leave it to everybody.
    """
    directory = _directory(store)
    with store.usable():
        directory.mkdir(exist_ok=True, mode=0o700)
        with _locked(directory):
            known = {image.id.removeprefix("sha256:") for image in store.list()}
            for file in directory.iterdir():
                if file.name not in known and file.stat().st_mtime < time.time() - _COMING_SECONDS:
                    file.unlink(missing_ok=True)
            record = _read(store, image_id) or _Record()
            held = record.repositories.setdefault(repository, _Repository())
            if origin is None:
                held.anybody = True
            elif origin not in held.origins:
                kept = [each for each in held.origins if each.uid != origin.uid]
                held.origins = [*kept, origin]
            _write(directory, image_id, record)


def allows(store: Store, image_id: str, repository: str, origins: Iterable[Origin]) -> bool:
    """Whether who has credentials of these origins may use the image without asking its registry."""
    record = _read(store, image_id)
    if record is None:
        return True
    held = record.repositories.get(repository)
    if held is None:
        return False
    if held.anybody:
        return True
    hashes = {each.credential_hash for each in held.origins}
    secrets = {(each.uid, each.namespace, each.name) for each in held.origins}
    # The same Secret with a new content counts: whoever renews a credential had the former one.
    return any(each.credential_hash in hashes or (each.uid, each.namespace, each.name) in secrets for each in origins)


def _directory(store: Store) -> Path:
    return store.root / "pulled"


def _read(store: Store, image_id: str) -> _Record | None:
    file = _directory(store) / image_id.removeprefix("sha256:")
    try:
        return oci.decode(_Record, file.read_bytes(), str(file))
    except FileNotFoundError:
        return None
    except CorruptImage:
        # Nobody is known to be allowed: everybody has to ask the registry.
        return _Record()


def _write(directory: Path, image_id: str, record: _Record) -> None:
    descriptor, name = tempfile.mkstemp(dir=directory)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.encode(record))
    Path(name).rename(directory / image_id.removeprefix("sha256:"))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
