"""The OpenAPI documents of the server, as JSON, made when first asked for.

/openapi/v2 is one Swagger 2.0 document; /openapi/v3 is an index with one OpenAPI 3.0 document for each group and
version. Clients keep v3 documents by the hash in their address.
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from api.openapi.operations import PATCH_BODY, PATCH_TYPES, Operation, Path, group_path, paths, tag
from api.openapi.parameters import Parameter
from api.openapi.schemas import V2, V3, Dialect, Tree, definitions, kind_tree
from api.scheme import RESOURCES, Resource
from api.types import DeleteOptions, Status
from api.types.record import Record

_PRODUCES = ("application/json", "application/yaml")
_STREAMS = ("application/json;stream=watch",)
_UNAUTHORIZED = {"description": "Unauthorized"}
_REASONS = {200: "OK", 201: "Created", 202: "Accepted"}
_BEARER = {
    "BearerToken": {
        "description": "Bearer token, as in: Bearer TOKEN",
        "type": "apiKey",
        "name": "authorization",
        "in": "header",
    }
}


@functools.cache
def v2() -> bytes:
    """The Swagger 2.0 document of the whole API."""
    document: Tree = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {path.path: _swagger_path(path) for path in paths()},
        "definitions": _definitions(RESOURCES, V2),
        "securityDefinitions": _BEARER,
        "security": [{"BearerToken": []}],
    }
    return msgspec.json.encode(document)


@functools.cache
def v3_index() -> bytes:
    """The document at /openapi/v3: where the others are."""
    locations = {}
    for place in dict.fromkeys(group_path(resource) for resource in RESOURCES):
        digest = hashlib.sha512(v3(place)).hexdigest().upper()
        locations[place] = {"serverRelativeURL": f"/openapi/v3/{place}?hash={digest}"}
    return msgspec.json.encode({"paths": locations})


@functools.cache
def v3(place: str) -> bytes:
    """The OpenAPI 3.0 document of one group and version: "api/v1", "apis/apps/v1".

    Raises `KeyError` when nothing is served there.
    """
    resources = [resource for resource in RESOURCES if group_path(resource) == place]
    if not resources:
        raise KeyError(place)
    document: Tree = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {path.path: _openapi_path(path) for path in paths() if path.resource in resources},
        "components": {"schemas": _definitions(resources, V3), "securitySchemes": _BEARER},
    }
    return msgspec.json.encode(document)


def _definitions(resources: Iterable[Resource], dialect: Dialect) -> dict[str, Tree]:
    roots: list[type[Record]] = [Status, DeleteOptions]
    listed = []
    for resource in resources:
        roots.append(resource.record)
        roots += [item.record for item in resource.subresources if item.record is not None]
        if "list" in resource.verbs:
            listed.append(resource.record)
    return definitions(roots, listed, dialect)


def _swagger_path(path: Path) -> Tree:
    entry: Tree = {
        operation.method: _common(path, operation)
        | {
            "consumes": list(PATCH_TYPES) if operation.body == PATCH_BODY else ["*/*"],
            "produces": list(_answer_types(operation)),
            "schemes": ["https"],
            "parameters": list(_swagger_parameters(operation)),
            "responses": _swagger_responses(operation),
        }
        for operation in path.operations
    }
    return entry | {"parameters": [_swagger_parameter(item) for item in path.parameters]}


def _swagger_parameters(operation: Operation) -> Iterator[Tree]:
    if operation.body:
        required = operation.method != "delete"
        yield {"name": "body", "in": "body", "schema": V2.reference(operation.body)} | (
            {"required": True} if required else {}
        )
    yield from (_swagger_parameter(item) for item in operation.parameters)


def _swagger_parameter(item: Parameter) -> Tree:
    tree: Tree = {"name": item.name, "in": item.place, "description": item.description, "type": item.type}
    if item.place == "path":
        tree["required"] = True
    if item.repeats:
        tree |= {"type": "array", "items": {"type": item.type}, "collectionFormat": "multi"}
    return tree | {"uniqueItems": True}


def _swagger_responses(operation: Operation) -> Tree:
    schema = V2.reference(operation.response) if operation.response else {"type": "string"}
    answers: Tree = {str(code): {"description": _REASONS[code], "schema": schema} for code in operation.codes}
    return answers | {"401": _UNAUTHORIZED}


def _openapi_path(path: Path) -> Tree:
    entry: Tree = {}
    for operation in path.operations:
        tree = _common(path, operation) | {"responses": _openapi_responses(operation)}
        if operation.parameters:
            tree["parameters"] = [_openapi_parameter(item) for item in operation.parameters]
        if operation.body:
            types = PATCH_TYPES if operation.body == PATCH_BODY else ("*/*",)
            content = {name: {"schema": V3.reference(operation.body)} for name in types}
            tree["requestBody"] = {"content": content} | ({"required": True} if operation.method != "delete" else {})
        entry[operation.method] = tree
    return entry | {"parameters": [_openapi_parameter(item) for item in path.parameters]}


def _openapi_parameter(item: Parameter) -> Tree:
    schema: Tree = {"type": item.type, "uniqueItems": True}
    if item.repeats:
        schema = {"type": "array", "items": {"type": item.type}}
    tree: Tree = {"name": item.name, "in": item.place, "description": item.description, "schema": schema}
    return tree | ({"required": True} if item.place == "path" else {})


def _openapi_responses(operation: Operation) -> Tree:
    schema = V3.reference(operation.response) if operation.response else {"type": "string"}
    content: dict[str, Any] = {name: {"schema": schema} for name in _answer_types(operation)}
    answers: Tree = {str(code): {"description": _REASONS[code], "content": content} for code in operation.codes}
    return answers | {"401": _UNAUTHORIZED}


def _answer_types(operation: Operation) -> tuple[str, ...]:
    if not operation.response:
        return ("text/plain",) if operation.action == "get" else ("*/*",)
    return (*_PRODUCES, *_STREAMS) if operation.action == "list" else _PRODUCES


def _common(path: Path, operation: Operation) -> Tree:
    return {
        "description": operation.description,
        "operationId": operation.operation_id,
        "tags": [tag(path.resource)],
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": kind_tree(operation.kind),
    }
