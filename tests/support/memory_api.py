"""The API server as the command line sees it, in memory: `podling.cli.rpc.Api` without a server."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from api import errors, selectors
from api.patch import json_patch, merge_patch, strategic_merge
from api.scheme import Resource
from podling.cli.rpc import JSON_PATCH, STRATEGIC, Change, Page, ServerError, Tree

Key = tuple[Resource, str, str]


class NothingMoreHappens(Exception):
    """A watch began although the test has no further change to tell."""


class MemoryApi:
    """Objects by resource, namespace and name. `calls` lists the writes; `changes` are what watches will tell."""

    def __init__(self) -> None:
        self.objects: dict[Key, Tree] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.changes: list[Change] = []
        self.refusals: list[errors.StatusError] = []
        self.lingering: set[str] = set()  # names that deletion does not remove
        self._revision = 0

    @contextmanager
    def connect(self, dir: Path | None) -> Iterator[MemoryApi]:
        """Stands for `podling.cli.rpc.api`."""
        yield self

    def put(self, resource: Resource, tree: Tree) -> Tree:
        self._revision += 1
        tree = copy.deepcopy(tree)
        metadata = tree.setdefault("metadata", {})
        metadata["resourceVersion"] = str(self._revision)
        metadata.setdefault("uid", f"uid-{metadata['name']}")
        metadata.setdefault("creationTimestamp", "2024-01-01T00:00:00Z")
        if resource.namespaced:
            metadata.setdefault("namespace", "default")
        tree = {"apiVersion": resource.api_version, "kind": resource.kind, **tree}
        self.objects[resource, metadata.get("namespace", ""), metadata["name"]] = tree
        return tree

    def get(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> Tree:
        key = (resource, namespace if resource.namespaced else "", name)
        if key not in self.objects:
            raise ServerError(errors.NotFound(resource.group_resource, name))
        return copy.deepcopy(self.objects[key])

    def get_raw(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> bytes:
        return orjson.dumps(self.get(resource, namespace, name))

    def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Page:
        labels = selectors.labels(label_selector)
        items = [
            orjson.dumps(tree)
            for (kind, where, _), tree in self.objects.items()
            if kind is resource
            and namespace in ("", where)
            and labels.matches(tree["metadata"].get("labels", {}))
            and _fields_match(field_selector, tree)
        ]
        return Page(items, self._revision)

    def watch(self, resource: Resource, namespace: str = "", **options: Any) -> Iterator[Change]:
        if not self.changes:
            raise NothingMoreHappens
        while self.changes:
            yield self.changes.pop(0)

    def create(self, resource: Resource, namespace: str, body: Tree, *, name: str = "", subresource: str = "") -> Tree:
        name = name or body["metadata"]["name"]
        self._note("create", f"{resource.plural}/{name}{f'/{subresource}' if subresource else ''}", body)
        if subresource == "eviction":
            del self.objects[resource, namespace, name]
            return body
        if (resource, namespace, name) in self.objects:
            raise ServerError(errors.AlreadyExists(resource.group_resource, name))
        return self.put(resource, {**body, "metadata": {**body["metadata"], "namespace": namespace}})

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Tree | Sequence[Tree],
        *,
        patch_type: str = "",
        subresource: str = "",
    ) -> Tree:
        current = self.get(resource, namespace, name)
        self._note("patch", f"{resource.plural}/{name}{f'/{subresource}' if subresource else ''}", body)
        if patch_type == JSON_PATCH:
            return self.put(resource, json_patch(current, list(body)))
        if patch_type == STRATEGIC:
            return self.put(resource, strategic_merge(resource.record, current, body))
        return self.put(resource, merge_patch(current, body))

    def delete(self, resource: Resource, namespace: str, name: str, options: Tree) -> Tree:
        tree = self.get(resource, namespace, name)
        self._note("delete", f"{resource.plural}/{name}", options)
        if name not in self.lingering:
            del self.objects[resource, namespace if resource.namespaced else "", name]
        return tree

    def _note(self, verb: str, what: str, body: Any) -> None:
        if self.refusals:
            raise ServerError(self.refusals.pop(0))
        self.calls.append((verb, what, body))


def patched(monkeypatch: Any, server: MemoryApi, *modules: str) -> Callable[..., None]:
    """Put `server` in the place of the API server for these modules of `podling.cli`; returns how to run a command."""
    from cyclopts import App

    from podling.cli.app import mount

    for module in modules:
        monkeypatch.setattr(f"podling.cli.{module}.api", server.connect)
    app = App(name="podling")
    mount(app)

    def run(*words: str) -> None:
        app(words, exit_on_error=False, print_error=False, result_action="return_value")

    return run


def _fields_match(text: str, tree: Tree) -> bool:
    for term in filter(None, text.split(",")):
        path, _, value = term.partition("=")
        found: Any = tree
        for part in path.split("."):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        if (found or "") != value:
            return False
    return True
