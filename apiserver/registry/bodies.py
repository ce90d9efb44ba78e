"""Request bodies to records: kind checks, defaults, and what `fieldValidation` says about unknown fields. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from api import codec, defaults, errors, strict
from api.errors import FieldError
from api.types import Record

IGNORE = "Ignore"
WARN = "Warn"
STRICT = "Strict"
_MAX_FIELD_MANAGER = 128


class Kind:
    """What a body is expected to be."""

    __slots__ = ("api_version", "kind", "record")

    def __init__(self, record: type[Record], api_version: str, kind: str) -> None:
        self.record = record
        self.api_version = api_version
        self.kind = kind


def check_options(
    action: str,
    dry_run: tuple[str, ...] | list[str],
    field_validation: str = "",
    *,
    field_manager: str = "",
    force: bool = False,
) -> None:
    """Raise `Invalid` for options upstream does not know. `action` is "Create", "Update", "Patch" or "Delete".

    force: asked of a patch that is no server-side apply.
    """
    if not (dry_run or field_validation or field_manager or force):
        return
    wrong: list[FieldError] = []
    if force:
        wrong.append(FieldError.forbidden("force", "may not be specified for non-apply patch"))
    if len(field_manager.encode()) > _MAX_FIELD_MANAGER:
        wrong.append(FieldError.too_long("fieldManager", _MAX_FIELD_MANAGER))
    elif not field_manager.isprintable():
        wrong.append(FieldError.invalid("fieldManager", field_manager, "should only contain printable characters"))
    if any(word != "All" for word in dry_run):
        wrong.append(FieldError.not_supported("dryRun", list(dry_run), ("All",)))
    if field_validation not in ("", IGNORE, WARN, STRICT):
        wrong.append(FieldError.not_supported("fieldValidation", field_validation, ("", IGNORE, STRICT, WARN)))
    if wrong:
        raise errors.Invalid(f"{action}Options.meta.k8s.io", "", wrong)


def decode(expected: Kind, body: bytes, field_validation: str) -> tuple[Any, tuple[str, ...]]:
    """The record a body stands for, defaulted, and warnings for the client. Raises `BadRequest`."""
    if field_validation == IGNORE:
        return with_defaults(expected, codec.decode(expected.record, body)), ()
    tree = codec.decode_tree(body, expected.kind)
    if may_repeat(body, tree):
        return from_tree(expected, tree, field_validation, strict.with_repeated_keys(body))
    return from_tree(expected, tree, field_validation)


def from_tree(expected: Kind, tree: Any, field_validation: str, as_written: Any = None) -> tuple[Any, tuple[str, ...]]:
    """As `decode`, from a tree; `as_written` is the same with its repeated keys, where there may be some."""
    if isinstance(tree, dict):
        _check_kind(expected, tree.get("apiVersion"), tree.get("kind"))
    record = with_defaults(expected, codec.from_tree(expected.record, tree))
    if field_validation == IGNORE:
        return record, ()
    problems = strict.field_problems(expected.record, tree if as_written is None else as_written)
    if problems and field_validation == STRICT:
        version = expected.api_version.rpartition("/")[2]
        cause = f"strict decoding error: {', '.join(problems)}"
        raise errors.Undecodable(expected.kind, version, expected.kind, cause)
    return record, tuple(problems)


def with_defaults(expected: Kind, record: Any) -> Any:
    """The record with apiVersion and kind filled in, and defaults applied. Raises `BadRequest`."""
    _check_kind(expected, record.api_version, record.kind)
    if not record.api_version or not record.kind:
        record = replace(record, api_version=expected.api_version, kind=expected.kind)
    return defaults.apply(record)


def may_repeat(body: bytes, tree: Any) -> bool:
    """Whether a key may occur twice: then quotation marks are lost on the way through the tree.

    Quotation marks written as \\u0022 would blur the count.
    """
    return b"\\u0022" in body or body.count(b'"') != msgspec.json.encode(tree).count(b'"')


def _check_kind(expected: Kind, api_version: Any, kind: Any) -> None:
    if kind and kind != expected.kind:
        version = str(api_version or expected.api_version).rpartition("/")[2]
        cause = f"converting ({version}.{kind}) to ({version}.{expected.kind}): unknown conversion"
        raise errors.Undecodable(kind, version, expected.kind, cause)
    if api_version and api_version != expected.api_version:
        raise errors.BadRequest(
            f"the API version in the data ({api_version}) does not match "
            f"the expected API version ({expected.api_version})"
        )
