"""What the two front doors hand to the handler, and what they get back: plain data, no I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

import msgspec

from api import errors
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
    "Preconditions",
    "Result",
    "Stored",
    "User",
    "Watch",
    "WriteOptions",
]

FieldValidation = Literal["", "Ignore", "Warn", "Strict"]


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


class Preconditions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class DeleteOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """meta.k8s.io/v1 DeleteOptions.

    A door that got the options as query parameters and no body passes `encode()` as the body.
    """

    api_version: str = ""
    kind: str = ""
    dry_run: tuple[str, ...] = ()
    grace_period_seconds: int | None = None
    orphan_dependents: bool | None = None
    preconditions: Preconditions | None = None
    propagation_policy: str | None = None
    ignore_store_read_error_with_cluster_breaking_potential: bool | None = None

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> DeleteOptions:
        """Options from a request body; an empty body means the defaults. Raises `BadRequest`."""
        if not body.strip():
            return _DEFAULT_DELETE
        try:
            return _decode_delete(body)
        except msgspec.MsgspecError as error:
            raise errors.BadRequest(f"error decoding DeleteOptions: {error}") from None


_decode_delete = msgspec.json.Decoder(DeleteOptions).decode
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


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked of the authorizer. Hashable. `path` is set for non-resource requests only (`resource` then "")."""

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` explains a refusal (or, in reviews, a permission)."""

    allowed: bool
    reason: str = ""


class Authorizer(Protocol):
    def authorize(self, attributes: Attributes) -> Decision:
        """Decide from memory, without waiting. Never raises."""
        ...
