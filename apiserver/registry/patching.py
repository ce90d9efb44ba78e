"""Patch documents: read once, applied to as many states of the object as it takes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from api import errors, go_syntax, patch
from api.types import Record
from apiserver.registry import bodies, patched
from apiserver.registry.bodies import Kind

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
SUPPORTED: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH)

Applied = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Patch:
    """A document and what it does. `apply`: from an object's tree to the patched tree; raises `api.errors`."""

    kind: str
    body: bytes
    document: Any
    apply: Applied

    def record(self, expected: Kind, tree: Any, field_validation: str) -> tuple[Any, tuple[str, ...]]:
        """The record of the patched tree, defaulted, and warnings for the client. Raises `api.errors`."""
        problems = [] if field_validation == bodies.IGNORE else self._problems()
        document = self.document if self.kind == STRATEGIC_MERGE_PATCH else None
        return patched.record(expected, self.apply(tree), field_validation, problems=problems, document=document)

    def _problems(self) -> list[str]:
        find = patched.problems_of_operations if self.kind == JSON_PATCH else patched.problems_of
        try:
            return find(self.body, self.document)
        except RecursionError:
            raise _too_deep() from None


def parse(record_type: type[Record], body: bytes, patch_type: str) -> Patch:
    """Read a patch. Raises `UnsupportedMediaType` and `BadRequest`."""
    if patch_type not in SUPPORTED:
        raise errors.UnsupportedMediaType(SUPPORTED)
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise errors.BadRequest(f"error decoding patch: {go_syntax.syntax_error(body)}") from None
    return Patch(patch_type, body, document, _bounded(_applied(record_type, document, patch_type)))


def _applied(record_type: type[Record], document: Any, patch_type: str) -> Applied:
    if patch_type == JSON_PATCH:
        return lambda tree: patch.json_patch(tree, document)
    if patch_type == MERGE_PATCH:
        return lambda tree: patch.merge_patch(tree, document)
    return lambda tree: patch.strategic_merge(record_type, tree, document)


def _bounded(apply: Applied) -> Applied:
    """`apply`, with a document nested too deeply refused."""

    def bounded(tree: Any) -> Any:
        try:
            return apply(tree)
        except RecursionError:
            raise _too_deep() from None

    return bounded


def _too_deep() -> errors.BadRequest:
    return errors.BadRequest("error decoding patch: exceeded max depth")
