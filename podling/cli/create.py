"""`podling create`: objects from files, or simple ones from a few words."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from api import names, scheme
from podling.cli import manifests
from podling.cli.each import each
from podling.cli.manifests import Manifest
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Files, MaybeNamespace, Namespace
from podling.cli.output import say
from podling.cli.rpc import Api, api
from podling.cli.targets import label
from podling.errors import CommandError

Tree = dict[str, Any]
Literals = Annotated[
    list[str] | None, Parameter(name="--from-literal", negative="", help="KEY=VALUE; may be repeated.")
]
FromFiles = Annotated[
    list[str] | None,
    Parameter(name="--from-file", negative="", help="[KEY=]FILE, or a folder of files; may be repeated."),
]

create = App(name="create", help="Create objects from files, or simple ones from a few words.")


@create.default
def create_files(*, filename: Files = None, namespace: MaybeNamespace = None, dir: Dir = None) -> None:
    """Create the objects of files: `create -f FILE`."""
    wanted = manifests.read(filename, namespace)
    with api(dir) as server:
        each(wanted, lambda manifest: _create_named(server, manifest))


@create.command
def namespace(name: str, *, dir: Dir = None) -> None:
    """Create a namespace."""
    create_one("v1", "Namespace", name, "", {}, dir)


@create.command
def serviceaccount(name: str, *, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None) -> None:
    """Create a service account."""
    create_one("v1", "ServiceAccount", name, namespace, {}, dir)


@create.command
def configmap(
    name: str,
    *,
    from_literal: Literals = None,
    from_file: FromFiles = None,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Create a config map from values and files."""
    content = _content(from_literal or [], from_file or [])
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for key, value in content.items():
        try:
            text[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(value).decode()
    parts = {"data": text, "binaryData": binary}
    create_one("v1", "ConfigMap", name, namespace, {key: part for key, part in parts.items() if part}, dir)


secret_app = App(name="secret", help="Create a secret.")
create.command(secret_app)


@secret_app.command
def generic(
    name: str,
    *,
    from_literal: Literals = None,
    from_file: FromFiles = None,
    type: Annotated[str, Parameter(help="The secret's type.")] = "Opaque",
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Create a secret from values and files."""
    content = _content(from_literal or [], from_file or [])
    data = {key: base64.b64encode(value).decode() for key, value in content.items()}
    create_one("v1", "Secret", name, namespace, {"type": type, **({"data": data} if data else {})}, dir)


@create.command
def deployment(
    name: str,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    image: Annotated[list[str], Parameter(negative="", help="Image to run; several make a pod of several containers.")],
    replicas: int = 1,
    port: Annotated[int | None, Parameter(help="Port the container listens on.")] = None,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Create a deployment: `create deployment NAME --image IMAGE [-- COMMAND ARGUMENTS]`."""
    if command and len(image) > 1:
        raise CommandError("a command goes with one image only")
    containers: list[Tree] = [{"name": _container_name(one), "image": one} for one in image]
    if command:
        containers[0]["command"] = list(command)
    if port is not None:
        containers[0]["ports"] = [{"containerPort": port}]
    labels = {"app": name}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    }
    create_one("apps/v1", "Deployment", name, namespace, {"spec": spec}, dir, labels)


def create_one(
    api_version: str,
    kind: str,
    name: str,
    namespace: str,
    parts: Tree,
    dir: Path | None,
    labels: dict[str, str] | None = None,
) -> None:
    """Create one object of a kind. `parts`: all but its type and name; its metadata is added to."""
    metadata: Tree = {**parts.get("metadata", {}), "name": name, **({"namespace": namespace} if namespace else {})}
    if labels:
        metadata["labels"] = labels
    body = {"apiVersion": api_version, "kind": kind, **parts, "metadata": metadata}
    with api(dir) as server:
        _create(server, Manifest(scheme.by_kind(api_version, kind), namespace, body, ""))


def _create_named(server: Api, manifest: Manifest) -> None:
    with manifests.refusals_named(manifest):
        _create(server, manifest)


def _create(server: Api, manifest: Manifest) -> None:
    made = server.create(manifest.resource, manifest.namespace, manifest.body)
    say(f"{label(manifest.resource, made['metadata']['name'])} created")


def _container_name(image: str) -> str:
    """The image's last part without tag or digest, as a container may be called."""
    last = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]
    name = "".join(c if c.isalnum() or c == "-" else "-" for c in last.lower()).strip("-")
    if names.dns1123_label(name):
        raise CommandError(f'no container name can be made of the image name "{image}"')
    return name


def _content(literals: list[str], files: list[str]) -> dict[str, bytes]:
    """What goes under each key. Raises CommandError."""
    pairs: list[tuple[str, bytes]] = []
    for literal in literals:
        key, equals, value = literal.partition("=")
        if not equals or not key:
            raise CommandError(f'"{literal}" is not KEY=VALUE')
        pairs.append((key, value.encode()))
    for file in files:
        pairs.extend(_file_pairs(file))
    content: dict[str, bytes] = {}
    for key, data in pairs:
        if key in content:
            raise CommandError(f'the key "{key}" is given twice')
        if problems := names.config_key(key):
            raise CommandError(f'"{key}" cannot be a key: {problems[0]}')
        content[key] = data
    return content


def _file_pairs(argument: str) -> list[tuple[str, bytes]]:
    key, equals, file = argument.partition("=")
    path = Path(file if equals else key)
    try:
        if path.is_dir():
            if equals:
                raise CommandError(f"{path} is a folder: its files' names are the keys, leave out {key}=")
            return [(one.name, one.read_bytes()) for one in sorted(path.iterdir()) if one.is_file()]
        return [(key if equals else path.name, path.read_bytes())]
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
