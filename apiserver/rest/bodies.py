"""Request bodies: read with a limit, turned into JSON.

Whether the JSON is a good object is the registry's to say; here only its media type and size count.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import orjson
from aiohttp import web

from api import errors, yaml
from apiserver.rest.negotiation import ACCEPTED, JSON, PROTOBUF, YAML, media_type

# Upstream's limit on a request body (apiserver MaxRequestBodyBytes).
MAX_BODY_BYTES: Final = 3 * 1024 * 1024
# A client that stops sending is cut off (upstream's request timeout).
READ_SECONDS: Final = 60.0
SMALL_YAML_BYTES: Final = 16 * 1024
APPLY_YAML: Final = "application/apply-patch+yaml"
PATCH_TYPES: Final = frozenset(
    {
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        APPLY_YAML,
    }
)


async def read(request: web.BaseRequest) -> bytes:
    """The whole body. Raises `RequestEntityTooLarge` before reading when the length is announced, and `BadRequest`."""
    announced = request.content_length
    if announced is not None and announced > MAX_BODY_BYTES:
        raise _too_large()
    try:
        if request.content.is_eof():
            return await request.read()
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large() from error
    except web.RequestPayloadError as error:
        raise errors.BadRequest(f"the request body could not be read: {error}") from error
    except TimeoutError as error:
        raise errors.BadRequest(f"the request body did not arrive within {READ_SECONDS:.0f} seconds") from error


class Given(NamedTuple):
    """An object as JSON; `repeats` says which keys of its YAML came again: the last value counts."""

    json: bytes
    repeats: tuple[str, ...] = ()


async def read_object(request: web.BaseRequest) -> Given:
    """The body of a create, update or delete. Raises `UnsupportedMediaType` and those of `read`."""
    content_type = request.headers.get("Content-Type", "")
    if content_type != JSON and content_type:
        content_type = media_type(content_type)
        if content_type == YAML:
            return await _from_yaml(await read(request))
        if content_type == PROTOBUF:
            return Given(from_protobuf(await read(request)))
        if content_type != JSON:
            raise errors.UnsupportedMediaType(ACCEPTED)
    return Given(await read(request))


async def read_patch(request: web.BaseRequest) -> tuple[str, bytes]:
    """The patch type and the patch as JSON."""
    patch_type = media_type(request.headers.get("Content-Type", ""))
    if patch_type not in PATCH_TYPES:
        raise errors.from_status({"code": 415, "message": "415: Unsupported Media Type", "details": {}})
    body = await read(request)
    return patch_type, (await _from_yaml(body)).json if patch_type == APPLY_YAML else body


async def _from_yaml(body: bytes) -> Given:
    """As `from_yaml`; a large document takes seconds, in which other requests go on being served."""
    return from_yaml(body) if len(body) <= SMALL_YAML_BYTES else await asyncio.to_thread(from_yaml, body)


def from_yaml(body: bytes) -> Given:
    """One YAML document. Raises `BadRequest`."""
    repeats: list[str] = []
    try:
        text = body.decode()
        documents = [tree for tree in yaml.load_all(text, repeats) if tree is not None]
    except ValueError as error:
        raise errors.BadRequest(f"error converting YAML to JSON: {error}") from error
    if len(documents) != 1:
        raise errors.BadRequest(f"expected one YAML document, found {len(documents)}")
    try:
        return Given(orjson.dumps(documents[0]), tuple(repeats))
    except orjson.JSONEncodeError as error:
        raise errors.BadRequest(f"error converting YAML to JSON: {error}") from error


def from_protobuf(body: bytes) -> bytes:
    """A protobuf object as JSON. Raises `BadRequest`."""
    # Imported when first needed: building the messages of a kind costs memory and milliseconds.
    from api import protobuf

    try:
        return orjson.dumps(protobuf.decode(body)) if body else body
    except (ValueError, OverflowError, orjson.JSONEncodeError) as error:
        # Well-formed messages whose values are not: years beyond all calendars, text that is none.
        raise errors.BadRequest(f"the body of the request is not protobuf of a Kubernetes object: {error}") from error


def _too_large() -> errors.RequestEntityTooLarge:
    return errors.RequestEntityTooLarge(f"limit is {MAX_BODY_BYTES}")
