"""/api, /apis and what is below them; /version.

The documents are `api.discovery`'s and never change while the process runs: they are made once, on first use.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import orjson

from api import discovery
from apiserver.rest import negotiation
from apiserver.rest.call import Call
from apiserver.rest.replies import Reply, not_found_page

# The Kubernetes release whose API this is; clients compare it with their own.
MAJOR: Final = "1"
MINOR: Final = "32"
GIT_VERSION: Final = "v1.32.4+podling"
_AGGREGATED_GROUP: Final = "apidiscovery.k8s.io"
_AGGREGATED_KIND: Final = "APIGroupDiscoveryList"


class DiscoveryEndpoints:
    """`address` is HOST:PORT under which clients reach this server."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._made: dict[str, bytes] = {}

    def serve(self, call: Call) -> Reply:
        """`call`'s path is "/api", "/apis" or below."""
        parts = call.info.path.strip("/").split("/")
        if len(parts) == 1:
            version = _aggregated_version(call.accept)
            if version:
                return self._aggregated(call, parts[0], version)
            if parts[0] == "api":
                return self._document("/api", lambda: discovery.api_versions(self._address))
            return self._document("/apis", discovery.group_list)
        try:
            if parts[0] == "api" and len(parts) == 2:
                return self._document("/".join(parts), lambda: discovery.resource_list("", parts[1]))
            if parts[0] == "apis" and len(parts) == 2:
                return self._document("/".join(parts), lambda: discovery.group(parts[1]))
            return self._document("/".join(parts), lambda: discovery.resource_list(parts[1], parts[2]))
        except KeyError:
            return not_found_page()

    def version(self) -> Reply:
        return Reply(self._version)

    @cached_property
    def _version(self) -> bytes:
        document = {
            "major": MAJOR,
            "minor": MINOR,
            "gitVersion": GIT_VERSION,
            "gitCommit": "",
            "gitTreeState": "",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": platform.python_implementation(),
            "platform": f"linux/{_machine()}",
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2)

    def _aggregated(self, call: Call, prefix: str, version: str) -> Reply:
        groups = [discovery.CORE] if prefix == "api" else discovery.groups()
        content_type = f"application/json;g={_AGGREGATED_GROUP};v={version};as={_AGGREGATED_KIND}"
        reply = self._document(
            f"/{prefix} {version}", lambda: discovery.aggregated(groups, version), content_type=content_type
        )
        tag = f'"{hashlib.sha512(reply.parts[0]).hexdigest().upper()}"'
        if tag in call.headers.get("If-None-Match", ""):
            reply = Reply(status=304, content_type=content_type)
        reply.add_header("ETag", tag)
        reply.add_header("Vary", "Accept")
        return reply

    def _document(self, key: str, make: Callable[[], dict[str, Any]], *, content_type: str = negotiation.JSON) -> Reply:
        body = self._made.get(key)
        if body is None:
            body = self._made[key] = orjson.dumps(make()) + b"\n"
        return Reply(body, content_type=content_type)


def _aggregated_version(accept: str) -> str:
    """The version of the aggregated document the client prefers; "" when it wants the legacy one."""
    for clause in negotiation.clauses(accept):
        if clause.media_type not in (negotiation.JSON, "*/*", "application/*"):
            continue
        parameters = clause.parameters
        if parameters.get("as") is None:
            return ""
        wanted = (parameters.get("g"), parameters.get("as"))
        if wanted == (_AGGREGATED_GROUP, _AGGREGATED_KIND) and parameters.get("v") in discovery.AGGREGATED_VERSIONS:
            return parameters["v"]
    return ""


def _machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
