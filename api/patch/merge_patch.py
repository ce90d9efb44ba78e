"""JSON merge patch (RFC 7386)."""

from typing import Any

from api.errors import BadRequest
from api.patch import failures


def merge_patch(tree: dict[str, Any], patch: Any) -> dict[str, Any]:
    """The tree with the patch merged in: null removes a key, objects merge, anything else replaces.

    Raises `BadRequest` when the patch is not an object: upstream takes no other for an API object.
    """
    if patch is None:
        raise BadRequest("Invalid JSON Patch")
    if not isinstance(patch, dict):
        raise failures.not_an_object(patch, "error decoding patch: ")
    return _merge(tree, patch)


def _merge(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merge(merged.get(key), value)
        else:
            merged[key] = value
    return merged
