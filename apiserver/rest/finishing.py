"""The last touch on an answer: YAML or indented JSON for those who want it, gzip for large ones."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from aiohttp import hdrs

from api import errors
from apiserver.rest import views
from apiserver.rest.call import Call
from apiserver.rest.negotiation import JSON, PLAIN, Form
from apiserver.rest.replies import Reply

# Upstream compresses above this size, at this level (KEP-156).
GZIP_BYTES: Final = 128 * 1024
GZIP_LEVEL: Final = 1
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


def encode(call: Call, reply: Reply) -> None:
    """Bring `reply` into the form the client asked for."""
    reply.audit_id = call.audit_id
    if reply.media_type != JSON:
        return
    form = _form(call, reply)
    indented = views.wants_indented(call.query, call.headers.get(hdrs.USER_AGENT, ""))
    if form is PLAIN and not indented:
        return
    encode = views.encoder(form, indented)
    if encode is not None and reply.parts:
        reply.parts = (encode(b"".join(reply.parts)),)
        reply.media_type = form.media_type


def is_to_compress(call: Call, reply: Reply) -> bool:
    return reply.size > GZIP_BYTES and "gzip" in call.headers.get(hdrs.ACCEPT_ENCODING, "")


async def compress(reply: Reply) -> None:
    # Off the event loop: compressing megabytes takes tens of milliseconds.
    reply.parts = (await asyncio.to_thread(_compressed, reply.parts),)
    reply.add_header("Content-Encoding", "gzip")
    reply.add_header("Vary", "Accept-Encoding")


def _form(call: Call, reply: Reply) -> Form:
    if reply.status < 400:
        try:
            return call.form()
        except errors.NotAcceptable:
            # Pages that are JSON whatever the client accepts.
            return PLAIN
    return PLAIN


def _compressed(parts: tuple[bytes, ...]) -> bytes:
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return b"".join([compressor.compress(part) for part in parts]) + compressor.flush()
