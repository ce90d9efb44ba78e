"""Which combinations of list and watch options make sense (upstream ValidateListOptions). Pure."""

from __future__ import annotations

from api.errors import BadRequest, FieldError, Invalid
from apiserver.requests import ListOptions

EXACT = "Exact"
NOT_OLDER_THAN = "NotOlderThan"

_MATCH = "resourceVersionMatch"


def parse_resource_version(text: str) -> int | None:
    """The revision asked for; None when unset. Raises `BadRequest`."""
    if not text:
        return None
    digits = text.lstrip("0") or "0"
    if not text.isascii() or not text.isdigit() or len(digits) > 20 or int(digits) >= 2**64:
        cause = "value out of range" if text.isdigit() else "invalid syntax"
        raise BadRequest(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": '
            f'strconv.ParseUint: parsing "{text}": {cause}'
        )
    return int(digits)


def check_list(options: ListOptions) -> None:
    """Raise `Invalid` or `BadRequest` for options a list cannot have."""
    wrong: list[FieldError] = []
    match = options.resource_version_match
    if match:
        if not options.resource_version:
            wrong.append(
                FieldError.forbidden(_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided")
            )
        if options.continue_token:
            wrong.append(FieldError.forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
        if match not in (EXACT, NOT_OLDER_THAN):
            wrong.append(FieldError.not_supported(_MATCH, match, (EXACT, NOT_OLDER_THAN, "")))
        if match == EXACT and options.resource_version == "0":
            wrong.append(
                FieldError.forbidden(_MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
            )
    if options.send_initial_events is not None:
        wrong.append(FieldError.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    _refuse(wrong)
    if options.continue_token and options.resource_version not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")


def check_watch(options: ListOptions) -> None:
    """Raise `Invalid` for options a watch cannot have."""
    wrong: list[FieldError] = []
    match = options.resource_version_match
    if options.send_initial_events is not None:
        if match != NOT_OLDER_THAN:
            wrong.append(
                FieldError.forbidden(_MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
            )
    elif match:
        wrong.append(
            FieldError.forbidden(
                _MATCH, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            )
        )
    _refuse(wrong)


def is_exact(options: ListOptions, revision: int | None) -> bool:
    """Whether the list is to show exactly `revision` (with a limit that is the legacy meaning of no match)."""
    if options.resource_version_match:
        return options.resource_version_match == EXACT
    return bool(options.limit and revision)


def _refuse(wrong: list[FieldError]) -> None:
    if wrong:
        raise Invalid("ListOptions.meta.k8s.io", "", wrong)
