"""One change of one object, and how watchers see it. Pure."""

from __future__ import annotations

import msgspec

from api import codec
from apiserver.stored import Event, Stored


class Change(msgspec.Struct, gc=False, eq=False):
    """From `old` to `new` (None: not there) at `revision`. Its events are built once and shared."""

    old: Stored | None
    new: Stored | None
    revision: int
    time: float
    _added: Event | None = None
    _modified: Event | None = None
    _deleted: Event | None = None

    @property
    def subject(self) -> Stored:
        """Whichever state there is, the newer first: for the object's identity."""
        subject = self.new or self.old
        assert subject is not None
        return subject

    def seen(self, before: bool, after: bool) -> Event | None:
        """The event for a watcher whose selector took the old state in (`before`) and takes the new (`after`)."""
        if after:
            return self._as_modified() if before else self._as_added()
        return self._as_deleted() if before else None

    def _as_added(self) -> Event:
        if self._added is None:
            assert self.new is not None
            self._added = Event("ADDED", self.new)
        return self._added

    def _as_modified(self) -> Event:
        if self._modified is None:
            assert self.new is not None
            self._modified = Event("MODIFIED", self.new)
        return self._modified

    def _as_deleted(self) -> Event:
        """The last state seen, with the revision of the change (upstream, cacher: object versioner)."""
        if self._deleted is None:
            old = self.old
            assert old is not None
            data = codec.with_resource_version(codec.without_resource_version(old.data), self.revision)
            last = Stored(old.resource, old.namespace, old.name, self.revision, data)
            self._deleted = Event("DELETED", last)
        return self._deleted
