"""Which objects a person means: `pods`, `pod a b`, `pod/a service/b`, `deploy,svc`, `all`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api import scheme
from api.scheme import Resource
from podling.errors import CommandError


@dataclass(frozen=True, slots=True)
class Target:
    """Objects of one resource by name; all of them when there is no name."""

    resource: Resource
    names: tuple[str, ...] = ()


def find_resource(word: str) -> Resource:
    """The resource that a person names. Raises CommandError."""
    try:
        resource = scheme.find(word)
    except KeyError:
        raise CommandError(f'there is no resource type "{word}": `podling api-resources` lists all') from None
    if "get" not in resource.verbs:
        raise CommandError(f'resource type "{word}" only answers requests: there are no objects of it')
    return resource


def parse(words: Sequence[str]) -> list[Target]:
    """The targets that the words name. Raises CommandError when they make no sense."""
    if not words:
        raise CommandError("name what you mean: TYPE, TYPE NAME or TYPE/NAME (`podling api-resources` lists the types)")
    if any("/" in word for word in words):
        return [_pair(word) for word in words]
    names = tuple(words[1:])
    resources = [resource for word in words[0].split(",") for resource in _resources(word)]
    if names and len(resources) > 1:
        raise CommandError("names go with one type only: use TYPE/NAME for objects of several types")
    return [Target(resource, names) for resource in resources]


def parse_named(words: Sequence[str], default: str = "") -> list[Target]:
    """As `parse`, but each target must be named. default: the type of a word that is only a name."""
    if default and words and not any("/" in word for word in words):
        try:
            resource = scheme.find(words[0])
        except KeyError:
            resource = None
        if resource is None or len(words) == 1:
            return [Target(find_resource(default), tuple(words))]
    targets = parse(words)
    for target in targets:
        if not target.names:
            raise CommandError(f"name the {target.resource.singular}: {target.resource.singular}/NAME")
    return targets


def label(resource: Resource, name: str) -> str:
    """How an object is named in output: `pod/web-1`, `deployment.apps/web`."""
    suffix = f".{resource.group}" if resource.group else ""
    return f"{resource.singular}{suffix}/{name}"


def _pair(word: str) -> Target:
    kind, _, name = word.partition("/")
    if not kind or not name or "/" in name:
        raise CommandError(f'"{word}" is not TYPE/NAME, and TYPE/NAME cannot be mixed with other forms')
    return Target(find_resource(kind), (name,))


def _resources(word: str) -> list[Resource]:
    members = [resource for resource in scheme.RESOURCES if resource.preferred and word in resource.categories]
    return members or [find_resource(word)]
