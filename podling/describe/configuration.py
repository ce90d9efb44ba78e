"""Config maps, whose values are shown, and secrets, of which only the sizes are."""

from collections.abc import Iterable

from api.types import ConfigMap, Event, ObjectMeta, Secret
from podling.describe.common import annotations, events, head, labels
from podling.describe.page import Page


def describe_config_map(config_map: ConfigMap, found: Iterable[Event], now: float) -> str:
    """A config map with its values, and events."""
    page = _begin(config_map.metadata)
    text = page.show() + "\nData\n====\n"
    for key in sorted(config_map.data):
        text += f"{key}:\n----\n{config_map.data[key]}\n\n"
    text += "\nBinaryData\n====\n"
    for key in sorted(config_map.binary_data):
        text += f"{key}: {_decoded_length(config_map.binary_data[key])} bytes\n"
    end = Page()
    events(end, found, now)
    return f"{text}\n{end.show()}"


def describe_secret(secret: Secret) -> str:
    """A secret without what it keeps."""
    page = _begin(secret.metadata)
    sizes = Page()
    for key in sorted(secret.data):
        sizes.field(key, f"{_decoded_length(secret.data[key])} bytes")
    return f"{page.show()}\nType:  {secret.type}\n\nData\n====\n{sizes.show()}"


def _begin(metadata: ObjectMeta) -> Page:
    page = Page()
    head(page, metadata)
    labels(page, "Labels", metadata.labels)
    annotations(page, metadata.annotations)
    return page


def _decoded_length(encoded: str) -> int:
    return len(encoded) // 4 * 3 - encoded[-2:].count("=")
