"""Objects in files: YAML or JSON, one or many a file, folders of files, standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import scheme
from api.scheme import Resource
from podling.cli.rpc import ServerError
from podling.cli.targets import label
from podling.errors import CommandError

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object as written, the resource it belongs to and the namespace it goes to (`""` for cluster-wide ones)."""

    resource: Resource
    namespace: str
    body: Tree
    source: str

    @property
    def name(self) -> str:
        return str(self.body.get("metadata", {}).get("name", ""))


@contextmanager
def refusals_named(manifest: Manifest) -> Iterator[None]:
    """The server's refusal of an object says in which file it stands, and which object it is if the server does not."""
    try:
        yield
    except ServerError as error:
        which = "" if f'"{manifest.name}"' in str(error) else f"{label(manifest.resource, manifest.name)}: "
        raise CommandError(f"{manifest.source}: {which}{error}") from None


def read(files: Sequence[str] | None, namespace: str | None) -> list[Manifest]:
    """All objects of the files. Raises CommandError, naming the file.

    namespace: what the person asked for, None for nothing; it must not contradict what is written.
    """
    if not files:
        raise CommandError("say where the objects are: -f FILE, -f FOLDER or -f - for standard input")
    manifests = [
        manifest(document, source, namespace)
        for file in files
        for source, text in _texts(file)
        for document in _documents(source, text)
    ]
    if not manifests:
        raise CommandError(f"no objects in {', '.join(files)}")
    return manifests


def manifest(document: Any, source: str, namespace: str | None) -> Manifest:
    """A document as an object of a known kind. Raises CommandError."""
    if not isinstance(document, dict):
        raise CommandError(f"{source}: not an object but {type(document).__name__}")
    api_version, kind = document.get("apiVersion"), document.get("kind")
    if not kind or not isinstance(kind, str):
        raise CommandError(f"{source}: Object 'Kind' is missing")
    if not api_version or not isinstance(api_version, str):
        raise CommandError(f"{source}: apiVersion is missing from this {kind}")
    try:
        resource = scheme.by_kind(api_version, kind)
    except KeyError:
        raise CommandError(f'{source}: no matches for kind "{kind}" in version "{api_version}"') from None
    metadata = document.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise CommandError(f"{source}: metadata of this {kind} is not an object")
    written = metadata.get("namespace", "")
    if namespace and written and written != namespace:
        raise CommandError(
            f"{source}: the namespace of {kind} {metadata.get('name')!r} is {written!r}, not {namespace!r}"
            f" as asked for: pass --namespace={written}"
        )
    where = (written or namespace or "default") if resource.namespaced else ""
    return Manifest(resource, where, document, source)


def _texts(file: str) -> Iterator[tuple[str, bytes]]:
    if file == "-":
        yield "standard input", sys.stdin.buffer.read()
        return
    path = Path(file)
    try:
        files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES and p.is_file()) if path.is_dir() else [path]
        for one in files:
            yield str(one), one.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {error.filename}: {error.strerror}") from None


def _documents(source: str, text: bytes) -> Iterator[Any]:
    """The documents of a file, the items of Lists in their place."""
    from api import yaml

    try:
        documents = yaml.load_all(text)
    except yaml.YamlError as error:
        raise CommandError(f"{source}: {error}") from None
    for document in documents:
        if isinstance(document, dict) and str(document.get("kind", "")).endswith("List") and "items" in document:
            yield from document["items"] or []
        else:
            yield document
