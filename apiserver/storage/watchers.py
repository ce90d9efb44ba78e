"""The watchers of one resource, found by what they watch: a look-up per change, not a scan of all watchers."""

from __future__ import annotations

from collections.abc import Iterator

from api.errors import StatusError
from apiserver.node_groups import group_of
from apiserver.storage.changes import Change
from apiserver.storage.keys import object_key
from apiserver.storage.watcher import Watcher

_Group = dict[Watcher, None]


class Watchers:
    """Groups by object key, by indexed field, by node group, by namespace; and those that watch everything."""

    def __init__(self) -> None:
        self._everywhere: _Group = {}
        self._by_namespace: dict[str, _Group] = {}
        self._by_key: dict[str, _Group] = {}
        self._by_index: dict[str, _Group] = {}
        self._by_node_group: dict[str, _Group] = {}
        self._count = 0
        self._ended = False

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Watcher]:
        yield from self._everywhere
        for groups in (self._by_namespace, self._by_key, self._by_index, self._by_node_group):
            for group in groups.values():
                yield from group

    def add(self, watcher: Watcher) -> None:
        if self._ended:
            watcher.end()
        groups, key = self._place(watcher)
        (self._everywhere if groups is None else groups.setdefault(key, {}))[watcher] = None
        self._count += 1

    def remove(self, watcher: Watcher) -> None:
        groups, key = self._place(watcher)
        group = self._everywhere if groups is None else groups.get(key, {})
        if watcher not in group:
            return
        del group[watcher]
        self._count -= 1
        if groups is not None and not group:
            del groups[key]

    def offer(self, change: Change, indexed: str) -> None:
        """Offer a change to the watchers it may concern. `indexed` is the resource's indexed field, or ""."""
        for watcher in self._everywhere:
            watcher.offer(change)
        subject = change.subject
        if self._by_namespace:
            for watcher in self._by_namespace.get(subject.namespace, ()):
                watcher.offer(change)
        if self._by_key:
            for watcher in self._by_key.get(object_key(subject.namespace, subject.name), ()):
                watcher.offer(change)
        if self._by_index:
            states = [state.fields[indexed] for state in (change.old, change.new) if state is not None]
            for value in dict.fromkeys(states):
                for watcher in self._by_index.get(value, ()):
                    watcher.offer(change)
        if self._by_node_group:
            # Where nothing is indexed, the objects are the nodes themselves.
            names = [state.fields[indexed] if indexed else state.name for state in (change.old, change.new) if state]
            for group in dict.fromkeys(map(group_of, names)):
                for watcher in self._by_node_group.get(group, ()):
                    watcher.offer(change)

    def bookmark(self) -> None:
        for watcher in self:
            watcher.bookmark()

    def fail_all(self, error: StatusError) -> None:
        for watcher in self:
            watcher.fail(error)

    def end_all(self) -> None:
        """End every watch, and those to come at once: the server is about to stop."""
        self._ended = True
        for watcher in self:
            watcher.end()

    def _place(self, watcher: Watcher) -> tuple[dict[str, _Group] | None, str]:
        selection = watcher.selection
        if selection.key:
            return self._by_key, selection.key
        if selection.node_group:
            return self._by_node_group, selection.node_group
        if selection.index_value is not None:
            return self._by_index, selection.index_value
        if selection.namespace:
            return self._by_namespace, selection.namespace
        return None, ""
