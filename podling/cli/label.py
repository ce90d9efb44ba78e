"""`podling label` and `podling annotate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.scheme import Resource
from podling.cli import choice, targets
from podling.cli.each import each
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Labels, Namespace
from podling.cli.output import say
from podling.cli.rpc import Api, api
from podling.errors import CommandError

Overwrite = Annotated[bool, Parameter(negative="", help="Change values that are there already.")]
All = Annotated[bool, Parameter(negative="", help="All objects of the type in the namespace.")]


@dataclass(frozen=True, slots=True)
class Kind:
    """Labels or annotations. field: in metadata. done: what is said of a change."""

    field: str
    done: str


LABELS = Kind("labels", "labeled")
ANNOTATIONS = Kind("annotations", "annotated")


@dataclass(frozen=True, slots=True)
class Changes:
    """Keys to set, keys to remove, and the words before them, which name objects."""

    what: tuple[str, ...]
    set: dict[str, str]
    remove: tuple[str, ...]


def label(
    *what: str,
    overwrite: Overwrite = False,
    all: All = False,
    selector: Labels = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Set labels, or remove them: `label pod web-1 tier=front old-`."""
    _run(LABELS, what, overwrite, all, selector, namespace, dir)


def annotate(
    *what: str,
    overwrite: Overwrite = False,
    all: All = False,
    selector: Labels = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Set annotations, or remove them: `annotate pod web-1 note="as agreed" old-`."""
    _run(ANNOTATIONS, what, overwrite, all, selector, namespace, dir)


def split(words: tuple[str, ...]) -> Changes:
    """Tell objects from changes: the changes come last. Raises CommandError."""
    start = next((i for i, word in enumerate(words) if "=" in word or (word.endswith("-") and i > 0)), len(words))
    changes: dict[str, str] = {}
    removals: list[str] = []
    for word in words[start:]:
        key, equals, value = word.partition("=")
        if equals:
            changes[key] = value
        elif word.endswith("-"):
            removals.append(word[:-1])
        else:
            raise CommandError(f'"{word}" is neither KEY=VALUE nor KEY-')
    if not changes and not removals:
        raise CommandError("say what to change: KEY=VALUE sets, KEY- removes")
    if both := set(changes) & set(removals):
        raise CommandError(f"{', '.join(sorted(both))} cannot be set and removed at once")
    return Changes(words[:start], changes, tuple(removals))


def plan(current: Mapping[str, str], changes: Changes, *, overwrite: bool) -> tuple[dict[str, str | None], list[str]]:
    """The merge patch of the map, and the keys that were to be removed but are not there. Raises CommandError."""
    taken = [key for key, value in changes.set.items() if current.get(key, value) != value]
    if taken and not overwrite:
        key = taken[0]
        raise CommandError(f"'{key}' already has a value ({current[key]}): use --overwrite to change it")
    patch: dict[str, str | None] = {key: value for key, value in changes.set.items() if current.get(key) != value}
    patch.update({key: None for key in changes.remove if key in current})
    return patch, [key for key in changes.remove if key not in current]


def _run(
    kind: Kind, words: tuple[str, ...], overwrite: bool, all: bool, selector: str, namespace: str, dir: Path | None
) -> None:
    changes = split(words)
    with api(dir) as server:
        objects = [
            (target.resource, name)
            for target in targets.parse(changes.what)
            for name in choice.names(server, target, selector=selector, all=all, namespace=namespace)
        ]
        each(objects, lambda one: _change(server, kind, *one, namespace, changes, overwrite))


def _change(
    server: Api, kind: Kind, resource: Resource, name: str, namespace: str, changes: Changes, overwrite: bool
) -> None:
    shown = targets.label(resource, name)
    current = server.get(resource, namespace, name)["metadata"].get(kind.field, {})
    patch, missing = plan(current, changes, overwrite=overwrite)
    for key in missing:
        say(f'{kind.field[:-1]} "{key}" not found.')
    if not patch:
        say(f"{shown} not {kind.done}")
        return
    server.patch(resource, namespace, name, {"metadata": {kind.field: patch}})
    removed_only = all(value is None for value in patch.values())
    say(f"{shown} {f'un{kind.done}' if removed_only and kind is LABELS else kind.done}")
