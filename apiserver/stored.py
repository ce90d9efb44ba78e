"""Objects as the store and the watch cache hold them: identity and bytes, fields only on demand.

Nothing here does I/O. Bytes go from etcd to a client without being decoded; `Stored.record` and
`Stored.labels` decode on first use and keep the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from api import codec
from api.scheme import Resource
from apiserver import fields

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class _HeadMeta(msgspec.Struct, frozen=True, gc=False):
    uid: str = ""
    labels: dict[str, str] = {}


class _Head(msgspec.Struct, frozen=True, gc=False):
    metadata: _HeadMeta


_decode_head: Final = msgspec.json.Decoder(_Head).decode


class Stored(msgspec.Struct, gc=False, eq=False):
    """One object at one revision. Never changed; never part of a cycle, so the collector need not walk it.

    `data` is the canonical JSON with `metadata.resourceVersion` spliced in. `revision` is the etcd
    mod revision; 0 for answers that are not stored (reviews, tokens, scales carry their parent's).
    """

    resource: Resource
    namespace: str
    name: str
    revision: int
    data: bytes
    _head: _HeadMeta | None = None
    _record: Any = None
    _fields: Mapping[str, str] | None = None

    @property
    def record(self) -> Any:
        """The typed record of the resource's kind, decoded once."""
        if self._record is None:
            self._record = codec.decode(self.resource.record, self.data)
        return self._record

    @property
    def uid(self) -> str:
        return self._metadata().uid

    @property
    def labels(self) -> Mapping[str, str]:
        return self._metadata().labels

    @property
    def fields(self) -> Mapping[str, str]:
        """What field selectors may ask for, by field path."""
        if self._fields is None:
            self._fields = fields.extract(self.resource, self.namespace, self.name, self.data)
        return self._fields

    def _metadata(self) -> _HeadMeta:
        if self._head is None:
            self._head = _decode_head(self.data).metadata
        return self._head

    def __repr__(self) -> str:
        return f"Stored({self.resource.plural} {self.namespace}/{self.name} @{self.revision})"


class Event(msgspec.Struct, gc=False, eq=False):
    """One change as one watcher sees it; shared between watchers that see it alike.

    `json_line` is the REST watch frame and `wire` whatever the gRPC door made of the event: both are
    built once however many watchers there are.
    """

    type: EventType
    stored: Stored
    wire: bytes | None = None
    _json_line: bytes | None = None

    @property
    def json_line(self) -> bytes:
        """`{"type":...,"object":...}` and a line feed."""
        line = self._json_line
        if line is None:
            line = b'{"type":"%b","object":%b}\n' % (self.type.encode(), self.stored.data)
            self._json_line = line
        return line

    def __repr__(self) -> str:
        return f"Event({self.type} {self.stored!r})"


class Batch:
    """Consecutive events, and the revision up to which the watcher has then seen everything.

    `bookmark` says that a client which asked for bookmarks is to get one (after the events) carrying
    `revision`; `initial_events_end` marks the bookmark that ends the initial state of a watch with
    `sendInitialEvents=true`.
    """

    __slots__ = ("bookmark", "events", "initial_events_end", "revision")

    def __init__(
        self,
        events: Sequence[Event],
        revision: int,
        *,
        bookmark: bool = False,
        initial_events_end: bool = False,
    ) -> None:
        self.events = events
        self.revision = revision
        self.bookmark = bookmark
        self.initial_events_end = initial_events_end


class Page:
    """A list, or one page of it.

    `remaining` is the number of objects after this page, None when unknown or nothing remains.
    """

    __slots__ = ("_join", "continue_token", "items", "remaining", "revision")

    def __init__(
        self,
        items: Sequence[Stored],
        revision: int,
        continue_token: str = "",
        remaining: int | None = None,
        join: Callable[[], bytes] | None = None,
    ) -> None:
        self.items = items
        self.revision = revision
        self.continue_token = continue_token
        self.remaining = remaining
        self._join = join

    def joined(self) -> bytes:
        """The items' JSON separated by commas: what stands between the brackets of `"items":[]`.

        Shared between requests that list the same unchanged collection.
        """
        if self._join is not None:
            return self._join()
        return b",".join([stored.data for stored in self.items])
