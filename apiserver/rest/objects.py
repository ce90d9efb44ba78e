"""The verbs on objects: get, list, watch, create, update, patch, delete, deletecollection.

Each turns a call into one call of the handler, and what comes back into an answer. Streams into pods are
`pods.py`'s, watches `watches.py`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import web

from api import codec, errors, scheme, strict
from api.scheme import Resource
from api.types.record import Record
from apiserver.handler import Handler
from apiserver.requests import Attributes, Page, Result, Stored, WriteOptions
from apiserver.rest import bodies, custom_resources, query, replies, views, watches
from apiserver.rest.call import Call
from apiserver.rest.negotiation import PLAIN, Form
from apiserver.rest.replies import Reply
from apiserver.rest.request_info import RequestInfo

_COLLECTION_VERBS: Final = frozenset({"list", "watch", "create", "deletecollection"})
_ITEM_VERBS: Final = frozenset({"get", "update", "patch", "delete", "watch"})
_RESOURCES: Final[Mapping[tuple[str, str, str], Resource]] = {
    (resource.group, resource.version, resource.plural): resource for resource in scheme.RESOURCES
}
_GROUP_VERSIONS: Final = frozenset((resource.group, resource.version) for resource in scheme.RESOURCES)


def find_resource(info: RequestInfo) -> Resource | None:
    return _RESOURCES.get((info.group, info.version, info.resource))


class ObjectEndpoints:
    """Everything under a resource's URL that is about objects."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._by_verb: Mapping[str, Callable[[Call, Resource], Awaitable[web.StreamResponse]]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def serve(self, call: Call, resource: Resource) -> Awaitable[web.StreamResponse]:
        return self._by_verb[call.info.verb](call, resource)

    def refuse_unrouted(self, call: Call, resource: Resource | None) -> Reply | None:
        """Answer a request no route fits: what is not allowed first, then not found or wrong method (as upstream)."""
        info = call.info
        code = _routing_problem(info, resource, call.request.method)
        if not code:
            return None
        self._handler.authorize(
            Attributes(
                call.user,
                info.verb,
                info.group,
                info.version,
                info.resource,
                info.subresource,
                info.namespace,
                info.name,
            )
        )
        if custom_resources.is_list(info):
            return custom_resources.empty_list()
        if resource is None and (info.group, info.version) not in _GROUP_VERSIONS:
            return replies.not_found_page()
        return replies.failure(errors.generic(code))

    async def _get(self, call: Call, resource: Resource) -> Reply:
        info = call.info
        form, parameters = call.form(), call.query
        stored = await self._handler.get(
            call.user,
            resource,
            info.namespace,
            info.name,
            info.subresource,
            resource_version=query.first(parameters, "resourceVersion") if parameters else "",
        )
        return _object_reply(call, resource, stored, form)

    async def _list(self, call: Call, resource: Resource) -> Reply:
        form = call.form()
        options = query.list_options(call.query)
        page = await self._handler.list(call.user, resource, call.info.namespace, options)
        return Reply(*await views.list_view(resource, page, form, call.query))

    async def _watch(self, call: Call, resource: Resource) -> web.StreamResponse:
        return await watches.watch(self._handler, call, resource)

    async def _create(self, call: Call, resource: Resource) -> Reply:
        info = call.info
        # Reviews, and what is posted to subresources, are questions and commands: upstream has no Tables of them.
        form = call.form(tables="get" in resource.verbs and not info.subresource)
        options = query.write_options(call.query)
        body, repeats = await bodies.read_object(call.request)
        repeated = _told(repeats, body, resource, info.subresource, options)
        result = await self._handler.create(
            call.user, resource, info.namespace, info.name, info.subresource, body, options
        )
        return _result_reply(call, resource, result, form, repeated)

    async def _update(self, call: Call, resource: Resource) -> Reply:
        info = call.info
        form, options = call.form(), query.write_options(call.query)
        body, repeats = await bodies.read_object(call.request)
        repeated = _told(repeats, body, resource, info.subresource, options)
        result = await self._handler.update(
            call.user, resource, info.namespace, info.name, info.subresource, body, options
        )
        return _result_reply(call, resource, result, form, repeated)

    async def _patch(self, call: Call, resource: Resource) -> Reply:
        info = call.info
        form, options = call.form(), query.write_options(call.query)
        patch_type, body = await bodies.read_patch(call.request)
        result = await self._handler.patch(
            call.user, resource, info.namespace, info.name, info.subresource, body, patch_type, options
        )
        return _result_reply(call, resource, result, form)

    async def _delete(self, call: Call, resource: Resource) -> Reply:
        info = call.info
        form, options = call.form(), query.write_options(call.query)
        body = await _delete_body(call)
        result = await self._handler.delete(call.user, resource, info.namespace, info.name, body, options)
        return _result_reply(call, resource, result, form)

    async def _delete_collection(self, call: Call, resource: Resource) -> Reply:
        form, options = call.form(), query.write_options(call.query)
        body = await _delete_body(call)
        deleted = await self._handler.delete_collection(
            call.user, resource, call.info.namespace, query.list_options(call.query), body, options
        )
        revision = max((stored.revision for stored in deleted), default=0)
        return Reply(*await views.list_view(resource, Page(deleted, revision), form, call.query))


async def _delete_body(call: Call) -> bytes:
    """DeleteOptions from the body, else from the query (upstream: the body wins)."""
    body = (await bodies.read_object(call.request)).json
    if body or not call.query:
        return body
    options = query.delete_options(call.query, collection=not call.info.name)
    return b"" if options is None else codec.encode(options)


def _object_reply(call: Call, resource: Resource, stored: Stored, form: Form, status: int = 200) -> Reply:
    if form is PLAIN:
        return Reply(stored.data, b"\n", status=status)
    record = _record(resource, call.info.subresource)
    return Reply(views.object_view(stored, record, form, call.query), b"\n", status=status)


def _record(resource: Resource, subresource: str) -> type[Record]:
    """What is read and written at a resource, or below it."""
    return (resource.subresource(subresource).record if subresource else None) or resource.record


def _told(
    repeats: tuple[str, ...], body: bytes, resource: Resource, subresource: str, options: WriteOptions
) -> tuple[str, ...]:
    """The warnings of keys repeated in YAML, as `fieldValidation` has it. Raises `BadRequest` where it is strict."""
    if repeats and options.field_validation == "Strict":
        repeated = "\n  ".join(("yaml: unmarshal errors:", *repeats))
        problems = (repeated, *strict.field_problems(_record(resource, subresource), orjson.loads(body)))
        cause = f"strict decoding error: {', '.join(problems)}"
        raise errors.Undecodable(resource.kind, resource.version, resource.kind, cause)
    return () if options.field_validation == "Ignore" else repeats


def _result_reply(call: Call, resource: Resource, result: Result, form: Form, repeated: tuple[str, ...] = ()) -> Reply:
    status = 201 if result.created else 200
    if result.status is not None:
        reply = Reply(result.status, b"\n", status=status)
    else:
        reply = _object_reply(call, resource, result.stored, form, status)
    for warning in (*repeated, *result.warnings):
        reply.add_header("Warning", f'299 - "{_quoted(warning)}"')
    return reply


def _routing_problem(info: RequestInfo, resource: Resource | None, method: str) -> int:
    """404 for what does not exist, 405 for a method it does not have, 0 for a good route."""
    if resource is None or info.rest:
        return 404
    if resource.namespaced:
        if not info.namespace and info.name:
            return 404
        if not info.namespace and info.verb in ("create", "deletecollection"):
            return 405
    elif info.namespace and resource.plural != "namespaces":
        return 404
    if info.subresource:
        return _subresource_problem(info, resource, method)
    if info.verb == "watch" and method != "GET":
        return 405
    allowed = _ITEM_VERBS if info.name else _COLLECTION_VERBS
    return 0 if info.verb in allowed and info.verb in resource.verbs else 405


def _subresource_problem(info: RequestInfo, resource: Resource, method: str) -> int:
    try:
        subresource = resource.subresource(info.subresource)
    except KeyError:
        return 404
    # A stream has no head alone.
    streamed = subresource.record is None and method == "HEAD"
    return 0 if info.verb in subresource.verbs and not streamed else 405


def _quoted(warning: str) -> str:
    """Text fit for a quoted string in a header: no control characters, quotes and backslashes escaped."""
    printable = "".join(character if character.isprintable() else " " for character in warning)
    return printable.replace("\\", "\\\\").replace('"', '\\"')
