"""Strategic merge patch: applying a patch to a tree.

Lists with patch strategy "merge" merge by their merge key (`element_lists`), all else as in a merge patch, plus the
directives `$patch`, `$retainKeys`, `$setElementOrder/x` and `$deleteFromPrimitiveList/x`. Behaviour: upstream's
"Strategic Merge Patch" notes for API machinery and package strategicpatch.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from api.errors import UnsupportedMediaType
from api.patch import element_lists, failures, schema
from api.types.record import Record
from api.types.reflection import TypeInfo

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
SET_ELEMENT_ORDER = "$setElementOrder"
DELETE_FROM_PRIMITIVE_LIST = "$deleteFromPrimitiveList"

_WITHOUT_RECORD = ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")

Tree = dict[str, Any]


class Mode(Enum):
    """What merging is for."""

    APPLY = "apply"
    """A patch goes into an object: directives act, nulls only remove."""
    JOIN = "join"
    """Two patches become one: directives and nulls are kept for the object the patch will meet."""


def strategic_merge(record_type: type[Record] | None, tree: Tree, patch: Any) -> Tree:
    """The tree with the patch merged in as the annotations of `record_type` say.

    Raises `UnsupportedMediaType` for kinds without a record, `BadRequest` for malformed patches and directives, and
    what upstream raises for patches that do not fit the record (a bare 500, or 422 for lists of lists).
    """
    if record_type is None:
        raise UnsupportedMediaType(_WITHOUT_RECORD)
    if patch is None:
        return tree
    if not isinstance(patch, dict):
        raise failures.not_an_object(patch)
    return merge_maps(tree, patch, schema.of_record(record_type), Mode.APPLY)


def merge_maps(original: Tree, patch: Tree, holder: TypeInfo, mode: Mode) -> Tree:
    """Both maps merged; `holder` is the type both are of."""
    if PATCH in patch:
        return _directed(patch)
    merged, rest = dict(original), dict(patch)
    if RETAIN_KEYS in rest:
        _retain_keys(merged, rest, mode)
    for key in [key for key in rest if key.startswith(SET_ELEMENT_ORDER)]:
        _set_element_order(merged, rest, key, holder, mode)
    for key, value in rest.items():
        if not key.startswith(DELETE_FROM_PRIMITIVE_LIST):
            _merge_field(merged, key, value, holder, mode)
        elif mode is Mode.APPLY:
            _delete_from_list(merged, _bare_name(key, failures.PRIMITIVE_LIST_FORMAT), value, holder)
        else:
            merged[key] = value
    return merged


def _directed(patch: Tree) -> Tree:
    directive = patch[PATCH]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != PATCH}
    if directive == "delete":
        return {}
    raise failures.unknown_directive(directive, patch)


def _merge_field(merged: Tree, key: str, value: Any, holder: TypeInfo, mode: Mode) -> None:
    if value is None:
        merged.pop(key, None)
        if mode is Mode.JOIN:
            merged[key] = None
        return
    current = merged.get(key)
    if isinstance(current, dict) and isinstance(value, dict):
        merging = schema.field(holder, key)
        if merging.strategy == schema.REPLACE:
            merged[key] = value
        else:
            merged[key] = merge_maps(current, value, merging.type, mode)
    elif isinstance(current, list) and isinstance(value, list):
        merging = schema.field(holder, key)
        merged[key] = _merge_list(current, value, merging, mode)
    else:
        merged.pop(key, None)
        if not _is_directive(value):
            merged[key] = _without_directives(value, keep_nulls=mode is Mode.JOIN)


def _merge_list(current: Sequence[Any], value: Sequence[Any], merging: schema.Merging, mode: Mode) -> list[Any]:
    if merging.strategy != schema.MERGE:
        return list(value)
    if not element_lists.are_maps(current, value):
        return element_lists.merge_scalars(current, value)
    if not merging.merge_key:
        raise failures.unexpected("cannot merge lists without merge key for type struct")
    element = schema.element(merging)

    def merge(old: Tree, new: Tree) -> Tree:
        return merge_maps(old, new, element, mode)

    def adopt(new: Tree) -> Tree:
        return _without_nulls(new) if mode is Mode.APPLY else new

    return element_lists.merge_maps_by_key(current, value, merging.merge_key, merge=merge, adopt=adopt)


def _delete_from_list(merged: Tree, key: str, doomed: Any, holder: TypeInfo) -> None:
    if doomed is None:
        merged.pop(key, None)
        return
    current = merged.get(key)
    if not isinstance(current, list) or not isinstance(doomed, list):
        return
    if schema.field(holder, key).strategy != schema.MERGE:
        merged[key] = doomed
    elif not element_lists.are_maps(current, doomed):
        gone = set(doomed)
        merged[key] = [item for item in current if item not in gone]


def _retain_keys(merged: Tree, rest: Tree, mode: Mode) -> None:
    """Clears all of `merged` that the directive does not name."""
    kept = rest.pop(RETAIN_KEYS)
    if mode is Mode.JOIN:
        if merged.setdefault(RETAIN_KEYS, kept) != kept:
            raise failures.unexpected(
                f"{failures.shown(merged[RETAIN_KEYS])} and {failures.shown(kept)} are not deep equal: "
                "this may happen when calculating the 3-way diff patch"
            )
        return
    if not isinstance(kept, list):
        raise failures.bad_format(failures.RETAIN_KEYS_FORMAT)
    for key, value in rest.items():
        is_parallel = key.startswith((DELETE_FROM_PRIMITIVE_LIST, SET_ELEMENT_ORDER))
        if value is not None and not is_parallel and key not in kept:
            raise failures.bad_format(failures.RETAIN_KEYS_FORMAT)
    for key in [key for key in merged if key not in kept]:
        del merged[key]


def _set_element_order(merged: Tree, rest: Tree, directive: str, holder: TypeInfo, mode: Mode) -> None:
    """Merges the list the directive is about, and puts it in order: the directive's, then the patch's, then its own."""
    order = rest.pop(directive)
    if mode is Mode.JOIN and merged.setdefault(directive, order) != order:
        raise failures.bad_format(failures.ELEMENT_ORDER_FORMAT)
    if not isinstance(order, list):
        raise failures.wrong_type("[]interface {}", order)
    key = _bare_name(directive, failures.ELEMENT_ORDER_FORMAT)
    current, patched = _list_or_none(merged, key), _list_or_none(rest, key)
    merging = schema.field(holder, key)
    if patched:
        element_lists.check_order(patched, order, merging.merge_key)
    if current is None and patched is None:
        return
    rest.pop(key, None)
    if patched is None:
        combined = current or []
    elif current is None:
        combined = _without_directives(patched, keep_nulls=mode is Mode.JOIN)
    else:
        combined = _merge_list(current, patched, merging, mode)
    merged[key] = element_lists.in_order(combined, order, current or [], merging.merge_key)


def _list_or_none(tree: Tree, key: str) -> list[Any] | None:
    if key not in tree:
        return None
    value = tree[key]
    if not isinstance(value, list):
        raise failures.wrong_type("[]interface {}", value)
    return value


def _bare_name(directive: str, complaint: str) -> str:
    """The field a directive such as "$setElementOrder/containers" is about."""
    name, slash, key = directive.partition("/")
    if not slash or name not in (SET_ELEMENT_ORDER, DELETE_FROM_PRIMITIVE_LIST):
        raise failures.bad_format(complaint)
    return key


def _is_directive(value: Any) -> bool:
    return isinstance(value, dict) and PATCH in value


def _without_directives(value: Any, *, keep_nulls: bool) -> Any:
    """A part of a patch as value for a field that had none: maps with `$patch` in them are dropped, and nulls."""
    if isinstance(value, dict):
        return {
            key: _without_directives(item, keep_nulls=keep_nulls)
            for key, item in value.items()
            if not _is_directive(item) and (keep_nulls or item is not None)
        }
    if isinstance(value, list):
        return [_without_directives(item, keep_nulls=keep_nulls) for item in value if not _is_directive(item)]
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
