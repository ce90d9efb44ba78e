"""What writers were told about their writes: the judge of "an acknowledged write is never lost"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# An object's content is a text of its own for each attempt; None means that there is no object.
Content = str | None


@dataclass
class _Entry:
    acknowledged: Content = None
    open: set[Content] = field(default_factory=set)
    uid: str = ""


class Ledger:
    """Per object the content last acknowledged, and contents attempted since whose outcome nobody told."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self.acknowledged = 0
        self.uncertain = 0

    def acknowledge(self, name: str, content: Content, uid: str = "") -> None:
        """The server said that the write was carried out."""
        self.acknowledged += 1
        self._entries[name] = _Entry(content, set(), uid)

    def leave_open(self, name: str, content: Content) -> None:
        """No answer came: the write was carried out, or was not."""
        self.uncertain += 1
        entry = self._entries.setdefault(name, _Entry())
        entry.open.add(content)

    def judge(self, found: Mapping[str, tuple[str, str]]) -> list[str]:
        """What is wrong with the objects found: name to (content, uid)."""
        wrong = []
        for name, entry in self._entries.items():
            content, uid = found.get(name, (None, ""))
            if content != entry.acknowledged and content not in entry.open:
                wrong.append(f"{name} is {content!r}; acknowledged was {entry.acknowledged!r}, open {entry.open}")
            elif entry.uid and uid and uid != entry.uid and None not in entry.open:
                wrong.append(f"{name} is another object: uid {uid} instead of {entry.uid}")
        wrong += [f"{name} was never asked for" for name in found.keys() - self._entries.keys()]
        return wrong
