"""Lists with patch strategy "merge": joining two by merge key or by value, and the order of the result.

The order rules are upstream's ("preserve order in strategic merge patch"): elements the patch speaks of keep the
patch's order, the others keep theirs, and the two are interleaved by the order the list had.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from api.patch import failures

Tree = dict[str, Any]


def are_maps(*lists: Sequence[Any]) -> bool:
    """Whether the elements are maps, else scalars. Raises `StatusError` when they are mixed or lists themselves."""
    kinds = {_kind(item) for listed in lists for item in listed}
    if list in kinds:
        raise failures.inapplicable()
    if len(kinds) > 1:
        raise failures.unexpected(f"list element types are not identical: {failures.shown(list(lists))}")
    return dict in kinds


def merge_scalars(current: Sequence[Any], patch: Sequence[Any]) -> list[Any]:
    """Both lists, each value once."""
    named = dict.fromkeys(patch)
    others = [item for item in dict.fromkeys(current) if item not in named]
    return _interleave(others, list(named), current, "")


def merge_maps_by_key(
    current: Sequence[Tree],
    patch: Sequence[Tree],
    merge_key: str,
    *,
    merge: Callable[[Tree, Tree], Tree],
    adopt: Callable[[Tree], Tree],
) -> list[Tree]:
    """`current` with every element of `patch` merged into its namesake, or taken up by `adopt` if there is none.

    `{"$patch": "delete", KEY: value}` removes elements, `{"$patch": "replace"}` replaces the list by the rest of
    the patch.
    """
    ordinary = [item for item in patch if "$patch" not in item]
    doomed, replaces = _directives(patch, merge_key)
    if replaces:
        return [adopt(item) for item in ordinary]
    kept = [item for item in current if item.get(merge_key) not in doomed]
    merged = list(kept)
    places = {_key(item, merge_key): place for place, item in reversed(list(enumerate(merged)))}
    for item in ordinary:
        place = places.get(_key(item, merge_key))
        if place is None:
            places[_key(item, merge_key)] = len(merged)
            merged.append(adopt(item))
        else:
            merged[place] = merge(merged[place], item)
    return in_order(merged, ordinary, kept, merge_key)


def in_order(merged: Sequence[Any], order: Sequence[Any], previous: Sequence[Any], merge_key: str) -> list[Any]:
    """The elements of `merged`: those in `order` in that order, the others as in `previous`, interleaved."""
    places = _places(order, merge_key)
    named = [item for item in merged if _key(item, merge_key) in places]
    others = [item for item in merged if _key(item, merge_key) not in places]
    named.sort(key=lambda item: places[_key(item, merge_key)])
    known = _places(previous, merge_key)
    others.sort(key=lambda item: known.get(_key(item, merge_key), -1))
    return _interleave(_deletions_last(others), _deletions_last(named), previous, merge_key)


def check_order(patch: Sequence[Any], order: Sequence[Any], merge_key: str) -> None:
    """Raises `StatusError` unless the patch's elements are in `order`, in that order; deletions do not count."""
    if not order:
        return
    remaining = iter([_key(item, merge_key) for item in order])
    for item in patch:
        if isinstance(item, dict) and "$patch" in item:
            continue
        if _key(item, merge_key) not in remaining:
            raise failures.unexpected(
                f"the order in patch list:\n{failures.shown(list(patch))}\n doesn't match $setElementOrder list:\n"
                f"{failures.shown(list(order))}"
            )


def _kind(item: Any) -> type:
    # A number may arrive with or without a fraction; that makes no difference of kind here.
    return float if isinstance(item, int) and not isinstance(item, bool) else type(item)


def _directives(patch: Iterable[Tree], merge_key: str) -> tuple[set[Hashable], bool]:
    """The merge keys of elements to delete, and whether the whole list is replaced."""
    doomed: set[Hashable] = set()
    replaces = False
    for item in patch:
        directive = item.get("$patch")
        if "$patch" not in item:
            continue
        if directive == "delete":
            doomed.add(_key(item, merge_key))
        elif directive == "replace":
            replaces = True
        elif directive == "merge":
            raise failures.unexpected("merging lists cannot yet be specified in the patch")
        else:
            raise failures.unknown_directive(directive, item)
    return doomed, replaces


def _interleave(others: Sequence[Any], named: Sequence[Any], previous: Sequence[Any], merge_key: str) -> list[Any]:
    """Both lists as one: an element of `others` goes before the first of `named` that it preceded in `previous`."""
    places = _places(previous, merge_key)
    result: list[Any] = []
    left = 0
    for item in named:
        place = places.get(_key(item, merge_key), -1)
        while left < len(others) and 0 <= places.get(_key(others[left], merge_key), -1) < place:
            result.append(others[left])
            left += 1
        result.append(item)
    return [*result, *others[left:]]


def _deletions_last(items: Sequence[Any]) -> list[Any]:
    def is_deletion(item: Any) -> bool:
        return isinstance(item, dict) and item.get("$patch") == "delete"

    return sorted(items, key=is_deletion)


def _places(items: Sequence[Any], merge_key: str) -> dict[Hashable, int]:
    """Merge key or value to the first place it has."""
    return {_key(item, merge_key): place for place, item in reversed(list(enumerate(items)))}


def _key(item: Any, merge_key: str) -> Hashable:
    """What identifies an element: its merge key's value, or itself if scalar."""
    value: Hashable
    if not merge_key:
        value = item
    elif not isinstance(item, dict):
        raise failures.wrong_type("map[string]interface {}", item)
    elif merge_key not in item:
        raise failures.no_merge_key(item, merge_key)
    else:
        value = item[merge_key]
    if isinstance(value, dict | list):
        raise failures.unexpected(f"cannot compare {failures.shown(value)} as an element's key")
    return value
