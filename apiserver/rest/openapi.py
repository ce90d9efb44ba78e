"""/openapi/v2 and /openapi/v3: the schemas kubectl explains, validates and patches with.

The documents are `api.openapi`'s. A version 3 document is addressed by its hash and may then be kept forever
(upstream kube-openapi, handler3). Version 2 is served as protobuf too: kubectl takes nothing else there.
"""

from __future__ import annotations

import hashlib
from typing import Final

from api import errors, openapi
from apiserver.rest import negotiation, openapi_protobuf, query
from apiserver.rest.call import Call
from apiserver.rest.replies import Reply, not_found_page

_V3: Final = "/openapi/v3"
_TYPES: Final = (negotiation.JSON,)
_FOREVER: Final = "public, immutable"


class OpenAPIEndpoints:
    def __init__(self) -> None:
        self._tags: dict[str, str] = {}
        self._protobuf: bytes | None = None

    def serve(self, call: Call) -> Reply:
        """`call`'s path is below "/openapi". Raises `NotAcceptable`."""
        path = call.info.path.rstrip("/")
        if path == "/openapi/v2":
            return self._version_2(call, path)
        if not negotiation.choose(call.accept, _TYPES):
            raise errors.NotAcceptable(_TYPES)
        if path == _V3:
            return self._tagged(call, path, openapi.v3_index())
        if not path.startswith(_V3 + "/"):
            return not_found_page()
        try:
            document = openapi.v3(path.removeprefix(_V3 + "/"))
        except KeyError:
            return not_found_page()
        return self._addressed(call, path, document)

    def _version_2(self, call: Call, path: str) -> Reply:
        offered = (negotiation.JSON, openapi_protobuf.MEDIA_TYPE, openapi_protobuf.ASKED_FOR)
        chosen = negotiation.choose(call.accept, offered)
        if not chosen:
            raise errors.NotAcceptable(offered)
        if chosen == negotiation.JSON:
            return self._tagged(call, path, openapi.v2())
        if self._protobuf is None:
            self._protobuf = openapi_protobuf.encode(openapi.v2())
        reply = self._tagged(call, openapi_protobuf.MEDIA_TYPE, self._protobuf)
        reply.media_type = openapi_protobuf.MEDIA_TYPE
        return reply

    def _addressed(self, call: Call, path: str, document: bytes) -> Reply:
        """A document whose address may name its hash: the right one is cached, a wrong one redirected."""
        wanted = query.first(call.query, "hash").strip('"')
        tag = self._tag(path, document)
        if wanted and wanted != tag:
            reply = Reply(status=301)
            reply.add_header("Location", f"{path}?hash={tag}")
            return reply
        reply = self._tagged(call, path, document)
        if wanted:
            reply.cache_control = _FOREVER
        return reply

    def _tagged(self, call: Call, key: str, document: bytes) -> Reply:
        tag = self._tag(key, document)
        fresh = tag in call.headers.get("If-None-Match", "")
        reply = Reply(status=304) if fresh else Reply(document)
        reply.add_header("ETag", f'"{tag}"')
        reply.add_header("Vary", "Accept")
        return reply

    def _tag(self, key: str, document: bytes) -> str:
        tag = self._tags.get(key)
        if tag is None:
            tag = self._tags[key] = hashlib.sha512(document).hexdigest().upper()
        return tag
