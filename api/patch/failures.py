"""The errors of patching, with the codes and words upstream answers with."""

from typing import Any

from api import errors

RETAIN_KEYS_FORMAT = "invalid patch format of retainKeys"
PRIMITIVE_LIST_FORMAT = "invalid patch format of primitive list"
ELEMENT_ORDER_FORMAT = "invalid patch format of setElementOrder list"

_JSON_WORDS = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def inapplicable() -> errors.StatusError:
    """A well-formed patch that does not fit the object: 422, and upstream says no more than that."""
    return errors.generic(422)


def bad_format(text: str) -> errors.StatusError:
    """A directive of the wrong form: 400."""
    return errors.BadRequest(text)


def unexpected(text: str) -> errors.StatusError:
    """What upstream leaves unclassified and so answers with a bare 500, although the patch is to blame."""
    return errors.StatusError(text)


def not_an_object(patch: Any, prefix: str = "") -> errors.StatusError:
    """A patch that had to be a JSON object and is something else."""
    word = _JSON_WORDS.get(type(patch), "null")
    return errors.BadRequest(f"{prefix}json: cannot unmarshal {word} into Go value of type map[string]interface {{}}")


def no_merge_key(item: Any, merge_key: str) -> errors.StatusError:
    return unexpected(f"map: {shown(item)} does not contain declared merge key: {merge_key}")


def unknown_directive(directive: Any, item: Any) -> errors.StatusError:
    return unexpected(f"unknown patch type: {shown(directive)} in map: {shown(item)}")


def wrong_type(expected: str, value: Any) -> errors.StatusError:
    names = {dict: "map[string]interface {}", list: "[]interface {}", str: "string", bool: "bool", int: "int64"}
    return unexpected(f"expected a {expected}, but received a {names.get(type(value), 'float64')}")


def shown(value: Any) -> str:
    """A value as Go's %v prints it, which is how upstream's messages show parts of a patch."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(shown(item) for item in value)}]"
    return str(value)
