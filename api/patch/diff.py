"""Makes strategic merge patches: what changes between two trees, or what `kubectl apply` would send.

Behaviour: upstream package strategicpatch. Lists with patch strategy "merge" become lists of changed elements,
`$patch: delete` elements and `$setElementOrder`; fields with strategy retainKeys carry `$retainKeys`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from api.patch import element_lists, failures, schema
from api.patch.strategic import DELETE_FROM_PRIMITIVE_LIST, RETAIN_KEYS, SET_ELEMENT_ORDER, Mode, merge_maps
from api.types.record import Record
from api.types.reflection import TypeInfo

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which differences go into the patch. `retain_keys`: the map being compared has that strategy."""

    changes: bool = True
    deletions: bool = True
    retain_keys: bool = False


def create_two_way_merge_patch(record_type: type[Record], original: Tree, modified: Tree) -> Tree:
    """The patch that turns `original` into `modified`; {} if they are equal.

    Raises `StatusError` when a changed field is unknown to the record or an element lacks its merge key.
    """
    return _diff_maps(original, modified, schema.of_record(record_type), _Wanted())


def create_three_way_merge_patch(
    record_type: type[Record], original: Tree | None, modified: Tree, current: Tree
) -> Tree:
    """The patch `kubectl apply` sends: {} if nothing is to be done.

    `original` is what was applied last (annotation kubectl.kubernetes.io/last-applied-configuration; None without),
    `modified` what is to be applied, `current` the live object. Fields dropped since `original` are deleted, fields
    of `modified` set; what others added to `current` stays. Raises as `create_two_way_merge_patch`.
    """
    holder = schema.of_record(record_type)
    additions = _diff_maps(current, modified, holder, _Wanted(deletions=False))
    deletions = _diff_maps(original or {}, modified, holder, _Wanted(changes=False))
    return merge_maps(deletions, additions, holder, Mode.JOIN)


def _diff_maps(original: Tree, modified: Tree, holder: TypeInfo, wanted: _Wanted) -> Tree:
    patch: Tree = {}
    for key, new in modified.items():
        if key not in original:
            if wanted.changes:
                patch[key] = new
            continue
        old = original[key]
        if isinstance(old, dict) and isinstance(new, dict):
            _diff_map_field(patch, key, old, new, holder, wanted)
        elif isinstance(old, list) and isinstance(new, list):
            _diff_list_field(patch, key, old, new, holder, wanted)
        elif wanted.changes and (old != new or type(old) is not type(new)):
            patch[key] = new
    if wanted.deletions:
        patch |= dict.fromkeys((key for key in original if key not in modified), None)
    kept = sorted(key for key, value in modified.items() if value is not None) if wanted.retain_keys else []
    if kept and (patch or any(value is not None and key not in modified for key, value in original.items())):
        patch[RETAIN_KEYS] = kept
    return patch


def _diff_map_field(patch: Tree, key: str, old: Tree, new: Tree, holder: TypeInfo, wanted: _Wanted) -> None:
    if old == new:
        return
    merging = schema.field(holder, key)
    if merging.strategy == schema.REPLACE:
        if wanted.changes:
            patch[key] = new
        return
    changes = _diff_maps(old, new, merging.type, replace(wanted, retain_keys=merging.retain_keys))
    if changes:
        patch[key] = changes


def _diff_list_field(
    patch: Tree, key: str, old: Sequence[Any], new: Sequence[Any], holder: TypeInfo, wanted: _Wanted
) -> None:
    if old == new:
        return
    merging = schema.field(holder, key)
    if merging.strategy != schema.MERGE or not old:
        if wanted.changes:
            patch[key] = new
        return
    if element_lists.are_maps(old, new):
        _diff_elements(patch, key, old, new, merging, replace(wanted, retain_keys=merging.retain_keys))
    else:
        _diff_scalars(patch, key, old, new, wanted)


def _diff_elements(
    patch: Tree, key: str, old: Sequence[Tree], new: Sequence[Tree], merging: schema.Merging, wanted: _Wanted
) -> None:
    merge_key, element = merging.merge_key, schema.element(merging)
    # A merge key may occur twice (a Service's port over TCP and UDP): the first pairs with the first, and so on.
    unpaired: dict[Any, list[Tree]] = {}
    for item in old:
        unpaired.setdefault(_merge_value(item, merge_key), []).append(item)
    changed: list[Tree] = []
    for item in new:
        value = _merge_value(item, merge_key)
        if not unpaired.get(value):
            if wanted.changes:
                changed.append(item)
            continue
        difference = _diff_maps(unpaired[value].pop(0), item, element, wanted)
        if difference:
            changed.append({**difference, merge_key: value})
    before, after = ([item[merge_key] for item in listed] for listed in (old, new))
    if wanted.deletions:
        gone = sorted((value for value in unpaired if value not in after), key=failures.shown)
        changed += [{merge_key: value, "$patch": "delete"} for value in gone]
    if changed:
        patch[key] = changed
    if changed or (wanted.changes and before != after):
        _add_order(patch, key, [{merge_key: value} for value in after])


def _diff_scalars(patch: Tree, key: str, old: Sequence[Any], new: Sequence[Any], wanted: _Wanted) -> None:
    added = [item for item in dict.fromkeys(new) if item not in old] if wanted.changes else []
    gone = [item for item in dict.fromkeys(old) if item not in new] if wanted.deletions else []
    if added:
        patch[key] = added
    if gone:
        patch[f"{DELETE_FROM_PRIMITIVE_LIST}/{key}"] = sorted(gone, key=failures.shown)
    if gone or wanted.changes:
        _add_order(patch, key, list(new))


def _add_order(patch: Tree, key: str, order: list[Any]) -> None:
    if order:
        patch[f"{SET_ELEMENT_ORDER}/{key}"] = order


def _merge_value(item: Tree, merge_key: str) -> Any:
    if merge_key not in item:
        raise failures.no_merge_key(item, merge_key)
    return item[merge_key]
