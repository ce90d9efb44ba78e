"""The objects of one resource in memory, their recent history, and the watchers of both. Pure: no I/O, no waiting.

`apiserver.storage.feed` applies what etcd reports, in revision order; everything between two calls of `apply`
sees one consistent state. Objects are kept sorted by key, so that a list is a slice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from api.errors import Expired
from api.scheme import Resource
from apiserver.fields import INDEXED
from apiserver.storage.changes import Change
from apiserver.storage.keys import object_key
from apiserver.storage.selection import Selection
from apiserver.storage.watcher import Watcher
from apiserver.storage.watchers import Watchers
from apiserver.stored import Event, Stored

HISTORY_EVENTS = 10_000
HISTORY_BYTES = 32 * 1024 * 1024
HISTORY_SECONDS = 300.0

Listener = Callable[[Stored | None, Stored | None], None]


class ResourceCache:
    """`changed` is the revision of the last change of this resource."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.changed = 0
        self.watchers = Watchers()
        self._objects: dict[str, Stored] = {}
        self._keys: list[str] = []
        self._sorted: list[Stored] = []
        self._indexed = INDEXED.get(resource.group_resource, "")
        self._index: dict[str, dict[str, Stored]] = {}
        self._history: deque[Change] = deque()
        self._history_bytes = 0
        # Every change after this revision is in the history.
        self._history_start = 0
        self._listeners: list[Listener] = []
        self._joined: tuple[str, int, bytes] | None = None

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str, name: str) -> Stored | None:
        return self._objects.get(object_key(namespace, name))

    def items(self, namespace: str = "") -> list[Stored]:
        """All objects, or a namespace's, in key order."""
        if not namespace:
            return self._sorted.copy()
        return self._sorted[self._position(f"{namespace}/") : self._position(f"{namespace}0")]

    def with_index(self, value: str) -> Iterable[Stored]:
        """The objects whose indexed field (`apiserver.fields.INDEXED`) has this value."""
        return self._index.get(value, _NOTHING).values()

    def select(self, selection: Selection) -> list[Stored]:
        """The objects a selection takes in, in key order."""
        if selection.key:
            found = self._objects.get(selection.key)
            candidates = [] if found is None else [found]
        elif selection.index_value is not None:
            candidates = sorted(self.with_index(selection.index_value), key=_key_of)
        else:
            candidates = self.items(selection.namespace)
        if selection.everything:
            return candidates
        return [stored for stored in candidates if selection.matches(stored)]

    def joined(self, namespace: str, revision: int, items: Iterable[Stored]) -> bytes:
        """`items` as JSON separated by commas, remembered while nothing changes.

        `items` must be all of `namespace`'s at `revision`.
        """
        known = self._joined
        if known is not None and known[0] == namespace and known[1] == self.changed <= revision:
            return known[2]
        text = b",".join([stored.data for stored in items])
        if self.changed <= revision:
            self._joined = (namespace, self.changed, text)
        return text

    def on_change(self, listener: Listener) -> None:
        """Call `listener(old, new)` for every change from now on, synchronously."""
        self._listeners.append(listener)

    # Feeding

    def load(self, objects: Iterable[Stored], revision: int) -> None:
        """Start over with the state at `revision`: the history is gone, watchers have to list again."""
        previous = self._objects
        self._objects = {object_key(stored.namespace, stored.name): stored for stored in objects}
        self._keys = sorted(self._objects)
        self._sorted = [self._objects[key] for key in self._keys]
        self._index = {}
        if self._indexed:
            for stored in self._sorted:
                self._add_to_index(stored)
        self._joined = None
        self._history.clear()
        self._history_bytes = 0
        self._history_start = self.changed = revision
        self.watchers.fail_all(Expired("the server lost track of past changes: list again"))
        if self._listeners:
            self._tell_differences(previous)

    def put(self, stored: Stored, time: float) -> None:
        """Take in an object written at `stored.revision`; `time` in seconds of any monotonic clock."""
        key = object_key(stored.namespace, stored.name)
        old = self._objects.get(key)
        self._objects[key] = stored
        if old is None:
            position = self._position(key)
            self._keys.insert(position, key)
            self._sorted.insert(position, stored)
        else:
            self._sorted[self._position(key)] = stored
        if self._indexed:
            if old is not None:
                self._remove_from_index(old)
            self._add_to_index(stored)
        self._publish(Change(old, stored, stored.revision, time))

    def delete(self, namespace: str, name: str, revision: int, time: float) -> None:
        """Take in that an object was deleted at `revision`."""
        key = object_key(namespace, name)
        old = self._objects.pop(key, None)
        if old is None:
            return
        position = self._position(key)
        del self._keys[position]
        del self._sorted[position]
        if self._indexed:
            self._remove_from_index(old)
        self._publish(Change(old, None, revision, time))

    def trim(self, now: float) -> None:
        """Forget history older than `HISTORY_SECONDS`."""
        while self._history and self._history[0].time < now - HISTORY_SECONDS:
            self._forget_oldest()

    # Watching

    def check_history(self, after: int) -> None:
        """Raise `Expired` unless every change after revision `after` is still known (upstream's words)."""
        if after < self._history_start:
            raise Expired(f"too old resource version: {after} ({self._history_start})")

    def watch(self, watcher: Watcher, *, initial: bool, mark_end: bool, after: int) -> None:
        """Register a watcher: with the `initial` state, else with the changes after revision `after`."""
        if initial:
            events = [Event("ADDED", stored) for stored in self.select(watcher.selection)]
            watcher.begin(events, mark_end=mark_end)
        else:
            for change in self._changes_after(after):
                if watcher.selection.in_scope(change.subject):
                    watcher.offer(change)
        self.watchers.add(watcher)

    def _changes_after(self, revision: int) -> Iterator[Change]:
        newer = 0
        for change in reversed(self._history):
            if change.revision <= revision:
                break
            newer += 1
        for position in range(len(self._history) - newer, len(self._history)):
            yield self._history[position]

    def _publish(self, change: Change) -> None:
        self.changed = change.revision
        self._joined = None
        self._history.append(change)
        self._history_bytes += _weight(change)
        while self._history_bytes > HISTORY_BYTES or len(self._history) > HISTORY_EVENTS:
            self._forget_oldest()
        if self.watchers:
            self.watchers.offer(change, self._indexed)
        for listener in self._listeners:
            listener(change.old, change.new)

    def _forget_oldest(self) -> None:
        change = self._history.popleft()
        self._history_start = change.revision
        self._history_bytes -= _weight(change)

    def _tell_differences(self, previous: Mapping[str, Stored]) -> None:
        for key, old in previous.items():
            new = self._objects.get(key)
            if new is None or new.revision != old.revision:
                self._tell(old, new)
        for key, new in self._objects.items():
            if key not in previous:
                self._tell(None, new)

    def _tell(self, old: Stored | None, new: Stored | None) -> None:
        for listener in self._listeners:
            listener(old, new)

    def _position(self, key: str) -> int:
        return bisect_left(self._keys, key)

    def _add_to_index(self, stored: Stored) -> None:
        members = self._index.setdefault(stored.fields[self._indexed], {})
        members[object_key(stored.namespace, stored.name)] = stored

    def _remove_from_index(self, stored: Stored) -> None:
        value = stored.fields[self._indexed]
        members = self._index[value]
        members.pop(object_key(stored.namespace, stored.name), None)
        if not members:
            del self._index[value]


_NOTHING: Mapping[str, Stored] = {}


def _key_of(stored: Stored) -> str:
    return object_key(stored.namespace, stored.name)


def _weight(change: Change) -> int:
    """Bytes the history alone keeps alive: the state that was replaced."""
    return len(change.old.data) if change.old is not None else 0
