"""Other views of objects than their stored form: Tables, metadata only, YAML, indented JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import orjson

from api import codec, errors, tables, yaml
from api.scheme import Resource
from api.types.record import Record
from apiserver.rest.negotiation import YAML, Form
from apiserver.rest.query import Query, first
from apiserver.stored import Page, Stored

# Rows rendered before other requests get their turn.
ROWS_AT_A_TIME: Final = 250
INCLUDE_OBJECT: Final = ("None", "Metadata", "Object")
# Clients of people: upstream indents for them unless told otherwise.
_PEOPLE: Final = ("curl", "Wget", "Mozilla/5.0")


class _Metadata(msgspec.Struct):
    metadata: msgspec.Raw


_decode_metadata: Final = msgspec.json.Decoder(_Metadata).decode


def include_object(query: Query) -> str:
    """The `includeObject` parameter of a Table request. Raises `BadRequest`."""
    wanted = first(query, "includeObject") or "Metadata"
    if wanted not in INCLUDE_OBJECT:
        raise errors.BadRequest(f'unrecognized includeObject value: "{wanted}"')
    return wanted


def table(
    resource: Resource,
    items: Sequence[Stored],
    list_meta: dict[str, Any],
    included: str,
    *,
    with_columns: bool = True,
    record: type[Record] | None = None,
) -> dict[str, Any]:
    """A meta.k8s.io/v1 Table of the items, which are of type `record` or else the resource's own."""
    record = record or resource.record
    return tables.render(
        resource,
        # Not `Stored.record`, which would stay in memory with the object.
        [codec.decode(record, stored.data) for stored in items],
        time.time(),
        list_meta=list_meta,
        include_object=included,
        with_columns=with_columns,
    )


def object_view(stored: Stored, record: type[Record], form: Form, query: Query) -> bytes:
    """One object, of type `record`, in the wanted view, as JSON. Raises `NotAcceptable` for views of lists."""
    if not form.view:
        return stored.data
    if form.view == "Table":
        list_meta = {"resourceVersion": str(stored.revision)}
        document = table(stored.resource, [stored], list_meta, include_object(query), record=record)
        return dumps(versioned(document, form))
    if form.view == "PartialObjectMetadata":
        return partial(stored, form)
    raise errors.NotAcceptable(["application/json", "application/yaml"])


async def list_view(resource: Resource, page: Page, form: Form, query: Query) -> tuple[bytes, ...]:
    """A list in the wanted view, as pieces of JSON that belong together."""
    list_meta = list_metadata(page)
    if form.view == "Table":
        document = await _long_table(resource, page.items, list_meta, include_object(query))
        return (dumps(versioned(document, form)), b"\n")
    if form.view == "PartialObjectMetadataList":
        head = b'{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/%b","metadata":%b,"items":[' % (
            form.view_version.encode(),
            dumps(list_meta),
        )
        return head, b",".join([partial(stored, form) for stored in page.items]), b"]}\n"
    if form.view:
        raise errors.NotAcceptable(["application/json", "application/yaml"])
    return list_head(resource, list_meta), page.joined(), b"]}\n"


async def _long_table(
    resource: Resource, items: Sequence[Stored], list_meta: dict[str, Any], included: str
) -> dict[str, Any]:
    """A Table, made so that other requests get their turn: a row costs as much as a whole small request."""
    document = table(resource, items[:ROWS_AT_A_TIME], list_meta, included)
    for start in range(ROWS_AT_A_TIME, len(items), ROWS_AT_A_TIME):
        await asyncio.sleep(0)
        piece = table(resource, items[start : start + ROWS_AT_A_TIME], list_meta, included, with_columns=False)
        document["rows"] += piece["rows"]
    return document


def list_head(resource: Resource, list_meta: dict[str, Any]) -> bytes:
    """A list up to and including the bracket that opens its items."""
    return b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":[' % (
        resource.kind.encode(),
        resource.api_version.encode(),
        dumps(list_meta),
    )


def list_metadata(page: Page) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(page.revision)}
    if page.continue_token:
        metadata["continue"] = page.continue_token
        if page.remaining:
            metadata["remainingItemCount"] = page.remaining
    return metadata


def partial(stored: Stored, form: Form) -> bytes:
    """The object's metadata alone (meta.k8s.io PartialObjectMetadata)."""
    metadata = bytes(_decode_metadata(stored.data).metadata)
    version = form.view_version.encode()
    return b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/%b","metadata":%b}' % (version, metadata)


def wants_indented(query: Query, user_agent: str) -> bool:
    """Whether JSON is to be indented: `pretty`, else by the client's name (upstream isPrettyPrint)."""
    pretty = query.get("pretty")
    if pretty:
        return pretty[0].lower() not in ("false", "0")
    return user_agent.startswith(_PEOPLE)


def encoder(form: Form, indented: bool) -> Callable[[bytes], bytes] | None:
    """How to turn compact JSON into the form the client wants; None when it is that already."""
    if form.media_type == YAML:
        return lambda body: yaml.dump(orjson.loads(body)).encode()
    if indented:
        return lambda body: orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return None


def dumps(tree: Any) -> bytes:
    return orjson.dumps(tree)


def versioned(document: dict[str, Any], form: Form) -> dict[str, Any]:
    """The Table under the version the client named (v1beta1 has the same shape)."""
    if form.view_version != "v1":
        return {**document, "apiVersion": f"meta.k8s.io/{form.view_version}"}
    return document
