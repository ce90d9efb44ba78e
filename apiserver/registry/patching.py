"""Patch documents: read once, applied to as many states of the object as it takes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from api import errors, go_syntax, patch
from api.types import Record

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
SUPPORTED: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH)

Applied = Callable[[Any], Any]


def parse(record_type: type[Record], body: bytes, patch_type: str) -> Applied:
    """A function from an object's tree to the patched tree, which raises `api.errors`.

    Raises `UnsupportedMediaType` and `BadRequest`.
    """
    if patch_type not in SUPPORTED:
        raise errors.UnsupportedMediaType(SUPPORTED)
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise errors.BadRequest(f"error decoding patch: {go_syntax.syntax_error(body)}") from None
    if patch_type == JSON_PATCH:
        return _bounded(lambda tree: patch.json_patch(tree, document))
    if patch_type == MERGE_PATCH:
        return _bounded(lambda tree: patch.merge_patch(tree, document))
    return _bounded(lambda tree: patch.strategic_merge(record_type, tree, document))


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
