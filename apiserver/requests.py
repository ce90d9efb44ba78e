"""What the two front doors hand to the handler, and what they get back: plain data, no I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import msgspec

from api import codec, errors
from api.types import DeleteOptions
from apiserver.auth.user import User
from apiserver.stored import Batch, Event, Page, Stored

__all__ = [
    "Attributes",
    "Authorizer",
    "Batch",
    "Decision",
    "DeleteOptions",
    "Event",
    "ListOptions",
    "Page",
    "Result",
    "Stored",
    "User",
    "Watch",
    "WriteOptions",
    "decode_delete_options",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """The query of a list, watch or delete-collection, as the client wrote it (upstream ListOptions)."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    allow_watch_bookmarks: bool = False
    send_initial_events: bool | None = None
    timeout_seconds: int | None = None
    # Watch or list exactly one name (GET .../watch of one object); upstream turns it into a field selector.
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """The query of a create, update, patch or delete.

    `field_validation` "" means upstream's default, Warn.
    """

    dry_run: tuple[str, ...] = ()
    field_validation: str = ""
    field_manager: str = ""
    force: bool = False


def decode_delete_options(body: bytes) -> DeleteOptions:
    """Options from a request body; an empty body means the defaults. Raises `BadRequest`.

    A door that got options as query parameters and no body passes them encoded as a body.
    """
    if not body.strip():
        return _DEFAULT_DELETE
    options = codec.decode(DeleteOptions, body)
    if options.kind not in ("", "DeleteOptions"):
        cause = f"converting (v1.{options.kind}) to (v1.DeleteOptions): unknown conversion"
        raise errors.Undecodable(options.kind, options.api_version or "v1", "DeleteOptions", cause)
    return options


_DEFAULT_DELETE = DeleteOptions()


class Result:
    """The outcome of a write.

    `stored` is the object as it now is, or as it last was when `deleted`. `status`, when set, is the
    Status document upstream answers in place of the object (a completed delete of most kinds).
    `created` means 201 rather than 200.
    """

    __slots__ = ("created", "deleted", "status", "stored", "warnings")

    def __init__(
        self,
        stored: Stored,
        warnings: tuple[str, ...] = (),
        created: bool = False,
        *,
        deleted: bool = False,
        status: bytes | None = None,
    ) -> None:
        self.stored = stored
        self.warnings = warnings
        self.created = created
        self.deleted = deleted
        self.status = status


class Watch(Protocol):
    """An open watch: `async with handler.watch(...) as watch: async for batch in watch: ...`.

    Iteration ends quietly at `timeout_seconds` and when the server drains; it raises `Expired` when the
    watcher was too slow or its revision is gone.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[Batch]: ...


class Attributes(msgspec.Struct, frozen=True, gc=False):
    """What is asked of the authorizer. Hashable. `path` is set for non-resource requests only (`resource` then "").

    `field_selector` is what a list or watch is restricted to, as the client wrote it.
    """

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    field_selector: str = ""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """`reason` explains a refusal (or, in reviews, a permission)."""

    allowed: bool
    reason: str = ""


class Authorizer(Protocol):
    def authorize(self, attributes: Attributes) -> Decision:
        """Decide from memory, without waiting. Never raises."""
        ...
