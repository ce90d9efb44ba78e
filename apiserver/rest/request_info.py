"""What a URL asks for: verb, resource, namespace, name, subresource.

The rules are upstream's RequestInfoFactory (apiserver, endpoints/request): `/api/VERSION/...` and
`/apis/GROUP/VERSION/...` are resource requests, everything else is a path. Whether the resource
exists is not looked up here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

METHOD_VERBS: Final[Mapping[str, str]] = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
# Segments after /namespaces/NAME that belong to the Namespace object itself.
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})
_SPECIAL_VERBS: Final = frozenset({"watch", "proxy"})


class RequestInfo:
    """One request. `resource` is "" for a non-resource request; `rest` holds segments after the subresource."""

    __slots__ = ("group", "name", "namespace", "path", "resource", "rest", "subresource", "verb", "version")

    def __init__(self, path: str, verb: str) -> None:
        self.path = path
        self.verb = verb
        self.group = ""
        self.version = ""
        self.resource = ""
        self.subresource = ""
        self.namespace = ""
        self.name = ""
        self.rest: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"RequestInfo({self.verb} {self.path})"


def parse(method: str, path: str, *, watch: bool = False) -> RequestInfo:
    """Take `path` (without the query) apart. `watch` is the query parameter's truth.

    For a non-resource request the verb is the method in lower case.
    """
    if "%" in path:
        # Split first, decode then: an encoded slash does not separate.
        parts = [unquote(part) for part in path.strip("/").split("/")]
        path = unquote(path)
    else:
        parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        info = RequestInfo(path, METHOD_VERBS.get(method, ""))
        info.version = parts[1]
        rest = parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        info = RequestInfo(path, METHOD_VERBS.get(method, ""))
        info.group, info.version = parts[1], parts[2]
        rest = parts[3:]
    else:
        return RequestInfo(path, method.lower())
    if rest[0] in _SPECIAL_VERBS:
        if len(rest) < 2:
            return RequestInfo(path, method.lower())
        info.verb = rest.pop(0)
    _place(info, rest)
    _collective_verb(info, watch)
    return info


def _place(info: RequestInfo, parts: list[str]) -> None:
    if parts[0] == "namespaces" and len(parts) > 1:
        info.namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    info.resource = parts[0]
    count = len(parts)
    if count > 1:
        info.name = parts[1]
        if count > 2:
            info.subresource = parts[2]
            if count > 3:
                info.rest = parts[3:]


def _collective_verb(info: RequestInfo, watch: bool) -> None:
    if info.verb == "get":
        if not info.name:
            info.verb = "watch" if watch else "list"
    elif info.verb == "delete" and not info.name:
        info.verb = "deletecollection"
