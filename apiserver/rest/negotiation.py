"""Content negotiation: which form of an object the client wants back.

Upstream's rules (apiserver, endpoints/handlers/negotiation): clauses of `Accept` in order of preference, the first
that can be served wins; `as=Table` and `as=PartialObjectMetadata[List]` of meta.k8s.io ask for another view.
Protobuf is read but never offered, and CBOR neither: every client that asks for them names JSON as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from api import errors

View = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
OFFERED: Final = (JSON, YAML)
# What bodies may be written in.
ACCEPTED: Final = (JSON, YAML, PROTOBUF)
META_GROUP: Final = "meta.k8s.io"
_VIEWS: Final[dict[str, View]] = {
    "Table": "Table",
    "PartialObjectMetadata": "PartialObjectMetadata",
    "PartialObjectMetadataList": "PartialObjectMetadataList",
}
_VIEW_VERSIONS: Final = frozenset({"v1", "v1beta1"})
_REMEMBERED_HEADERS: Final = 1_000
_REMEMBERED_CHARACTERS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer: the media type, and which view of the object."""

    media_type: str = JSON
    view: View = ""
    view_version: str = "v1"

    @property
    def plain(self) -> bool:
        """The stored bytes as they are."""
        return self.media_type == JSON and not self.view


@dataclass(frozen=True, slots=True)
class Clause:
    """One media range of an Accept header."""

    media_type: str
    parameters: dict[str, str]
    quality: float


PLAIN: Final = Form()
_known: dict[str, Form] = {"": PLAIN, "*/*": PLAIN, JSON: PLAIN}


def form(accept: str, *, tables: bool = True) -> Form:
    """The form `accept` asks for; without `tables`, of what cannot be shown as one. Raises `NotAcceptable`."""
    known = _known.get(accept)
    if not tables and (known is None or known.view == "Table"):
        return _choose(accept, tables=False)
    if known is None:
        known = _choose(accept, tables=True)
        if len(_known) < _REMEMBERED_HEADERS and len(accept) <= _REMEMBERED_CHARACTERS:
            _known[accept] = known
    return known


def choose(accept: str, offered: Sequence[str]) -> str:
    """The media type out of `offered` for a page without views; "" when none fits. Nothing accepted means any."""
    if not accept.strip():
        return offered[0]
    for clause in clauses(accept):
        for media_type in offered:
            if _matches(clause.media_type, media_type):
                return media_type
    return ""


def clauses(accept: str) -> list[Clause]:
    """The media ranges of an Accept header, most wanted first; those with q=0 are left out."""
    found = [clause for clause in _clauses(accept) if clause.quality > 0]
    found.sort(key=lambda clause: -clause.quality)
    return found


def media_type(content_type: str) -> str:
    """A Content-Type header without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def _choose(accept: str, *, tables: bool) -> Form:
    for clause in clauses(accept):
        for offered in OFFERED:
            if not _matches(clause.media_type, offered):
                continue
            chosen = _view(offered, clause.parameters)
            if chosen is not None and (tables or chosen.view != "Table"):
                return chosen
    raise errors.NotAcceptable(OFFERED)


def _view(offered: str, parameters: dict[str, str]) -> Form | None:
    """The form of a clause whose media type fits; None when it asks for a view there is not."""
    wanted = parameters.get("as")
    if wanted is None:
        return Form(offered)
    version = parameters.get("v", "v1")
    view = _VIEWS.get(wanted)
    if view is None or parameters.get("g", META_GROUP) != META_GROUP or version not in _VIEW_VERSIONS:
        return None
    return Form(offered, view, version)


def _clauses(accept: str) -> Iterator[Clause]:
    for text in accept.split(","):
        name, *rest = text.split(";")
        if not name.strip():
            continue
        parameters = {
            key.strip().lower(): value.strip().strip('"') for key, _, value in (item.partition("=") for item in rest)
        }
        yield Clause(name.strip().lower(), parameters, _quality(parameters.pop("q", "1")))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _matches(wanted: str, offered: str) -> bool:
    if wanted in ("*/*", offered):
        return True
    return wanted.endswith("/*") and offered.startswith(wanted[:-1])
