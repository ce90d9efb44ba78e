"""Any object: all of its fields, nested as they are."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from api import codec
from api.types import Event
from podling.describe.common import annotations, events, labels
from podling.describe.page import Page

_SHOWN_APART = frozenset({"name", "namespace", "labels", "annotations", "managedFields"})
_ACRONYMS = frozenset({"API", "URL", "UID", "OSB", "GUID"})
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[0-9]|$)|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def describe_generic(record: Any, found: Iterable[Event], now: float) -> str:
    """An object of any kind, field by field, and events."""
    tree = codec.to_tree(record)
    page = Page()
    page.field("Name", record.metadata.name)
    page.field("Namespace", record.metadata.namespace)
    labels(page, "Labels", record.metadata.labels)
    annotations(page, record.metadata.annotations)
    metadata = {key: value for key, value in tree.get("metadata", {}).items() if key not in _SHOWN_APART}
    _describe_map(page, {**tree, "metadata": metadata}, 0)
    events(page, found, now)
    return page.show()


def _describe_map(page: Page, tree: Mapping[str, Any], level: int) -> None:
    for key in sorted(tree):
        value = tree[key]
        if isinstance(value, dict):
            page.line(f"{_title(key)}:", level=level)
            _describe_map(page, value, level + 1)
        elif isinstance(value, list):
            page.line(f"{_title(key)}:", level=level)
            for item in value:
                if isinstance(item, dict):
                    _describe_map(page, item, level + 1)
                else:
                    page.line(_scalar(item), level=level + 1)
        else:
            page.field(_title(key), _scalar(value), level=level)


def _scalar(value: Any) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _title(key: str) -> str:
    """A field's name as words: "resourceVersion" is "Resource Version"."""
    if not key.isidentifier():
        return key
    words = (word.upper() if word.upper() in _ACRONYMS else word[0].upper() + word[1:] for word in _WORDS.findall(key))
    return " ".join(words)
