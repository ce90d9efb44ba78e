"""Which operations the API has, apart from how either OpenAPI version writes them."""

from collections.abc import Iterator
from dataclasses import dataclass

from api.openapi import parameters
from api.openapi.parameters import Parameter
from api.scheme import RESOURCES, Resource, Subresource
from api.types import DeleteOptions, Status
from api.types.record import Record
from api.types.reflection import schema_name

PATCH_BODY = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)

_METHODS = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_ACTIONS = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_ID_WORDS = {"get": "read", "create": "create", "update": "replace", "patch": "patch", "delete": "delete"}
_VERB_PARAMETERS = {
    "create": parameters.WRITE,
    "update": parameters.WRITE,
    "patch": parameters.PATCH,
    "delete": parameters.DELETE,
}
_STREAM_PARAMETERS = {
    "attach": parameters.ATTACH,
    "exec": parameters.EXEC,
    "log": parameters.LOG,
    "portforward": parameters.PORT_FORWARD,
}
_CONNECT = frozenset({"attach", "exec", "portforward"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One HTTP method of one path. `body` and `response` name definitions; "" is no body, or plain text."""

    method: str
    action: str
    operation_id: str
    description: str
    parameters: tuple[Parameter, ...]
    body: str
    response: str
    codes: tuple[int, ...]
    kind: tuple[str, str, str]
    """Group, version and kind the operation is about."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path with the parameters all of its operations share."""

    path: str
    resource: Resource
    parameters: tuple[Parameter, ...]
    operations: tuple[Operation, ...]


def group_path(resource: Resource) -> str:
    """Where a resource's group and version live: "api/v1", "apis/apps/v1"."""
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"


def tag(resource: Resource) -> str:
    """The group and version as client generators name their classes: "core_v1", "rbacAuthorization_v1"."""
    words = _group_words(resource)
    return words[0].lower() + words[1:] + "_" + resource.version


def paths() -> Iterator[Path]:
    """All paths of all resources."""
    for resource in RESOURCES:
        yield from _paths_of(resource)


def _paths_of(resource: Resource) -> Iterator[Path]:
    root = f"/{group_path(resource)}"
    collection = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
    shared = (parameters.NAMESPACE, parameters.PRETTY) if resource.namespaced else (parameters.PRETTY,)
    if resource.namespaced and "list" in resource.verbs:
        everywhere = (_list(resource, everywhere=True),)
        yield Path(f"{root}/{resource.plural}", resource, (*parameters.LIST, parameters.PRETTY), everywhere)
    collection_path = Path(f"{collection}/{resource.plural}", resource, shared, tuple(_collection_operations(resource)))
    if collection_path.operations:
        yield collection_path
    named = (parameters.name_of(resource.kind), *shared)
    item = f"{collection}/{resource.plural}/{{name}}"
    if "get" in resource.verbs:
        yield Path(item, resource, named, tuple(_item_operations(resource)))
    for subresource in resource.subresources:
        operations = tuple(_subresource_operations(resource, subresource))
        yield Path(f"{item}/{subresource.name}", resource, named, operations)


def _collection_operations(resource: Resource) -> Iterator[Operation]:
    if "list" in resource.verbs:
        yield _list(resource, everywhere=False)
    if "create" in resource.verbs:
        yield _plain(resource, "create", resource.record)
    if "deletecollection" in resource.verbs:
        yield Operation(
            method="delete",
            action="deletecollection",
            operation_id=f"delete{_group_id(resource)}Collection{_scope(resource)}{resource.kind}",
            description=f"delete collection of {resource.kind}",
            parameters=(*parameters.LIST_OPTIONS, *parameters.DELETE),
            body=schema_name(DeleteOptions),
            response=schema_name(Status),
            codes=(200,),
            kind=_own_kind(resource),
        )


def _list(resource: Resource, *, everywhere: bool) -> Operation:
    group, scope = _group_id(resource), _scope(resource)
    return Operation(
        method="get",
        action="list",
        operation_id=f"list{group}{resource.kind}ForAllNamespaces"
        if everywhere
        else f"list{group}{scope}{resource.kind}",
        description=f"list or watch objects of kind {resource.kind}",
        parameters=() if everywhere else parameters.LIST,
        body="",
        response=f"{schema_name(resource.record)}List",
        codes=(200,),
        kind=_own_kind(resource),
    )


def _item_operations(resource: Resource) -> Iterator[Operation]:
    for verb in ("get", "update", "patch", "delete"):
        if verb in resource.verbs:
            yield _plain(resource, verb, resource.record)


def _plain(resource: Resource, verb: str, record: type[Record]) -> Operation:
    return Operation(
        method=_METHODS[verb],
        action=_ACTIONS[verb],
        operation_id=f"{_ID_WORDS[verb]}{_group_id(resource)}{_scope(resource)}{resource.kind}",
        description=f"{_ID_WORDS[verb]} {_article(resource.kind)}",
        parameters=_VERB_PARAMETERS.get(verb, ()),
        body=_body(verb, schema_name(record)),
        response=schema_name(Status) if verb == "delete" else schema_name(record),
        codes=_codes(verb),
        kind=_own_kind(resource),
    )


def _subresource_operations(resource: Resource, subresource: Subresource) -> Iterator[Operation]:
    kind = (
        subresource.group if subresource.version else resource.group,
        subresource.version or resource.version,
        subresource.kind,
    )
    suffix = f"{_scope(resource)}{resource.kind}{subresource.name.capitalize()}"
    definition = schema_name(subresource.record) if subresource.record else ""
    connects = subresource.name in _CONNECT
    for verb in sorted(subresource.verbs, key=list(_METHODS).index):
        method, word = _METHODS[verb], "connect" if connects else _ID_WORDS[verb]
        stem = f"{word}{_group_id(resource)}{method.capitalize() if connects else ''}"
        usual = () if connects else _VERB_PARAMETERS.get(verb, ())
        yield Operation(
            method=method,
            action="connect" if connects else _ACTIONS[verb],
            operation_id=f"{stem}{suffix}",
            description=f"{word} {subresource.name} of {_article(resource.kind)}",
            parameters=_STREAM_PARAMETERS.get(subresource.name, usual),
            body="" if connects else _body(verb, definition),
            response=definition,
            codes=(200,) if connects else _codes(verb),
            kind=kind,
        )


def _body(verb: str, definition: str) -> str:
    if verb == "patch":
        return PATCH_BODY
    if verb == "delete":
        return schema_name(DeleteOptions)
    return definition if verb in ("create", "update") else ""


def _codes(verb: str) -> tuple[int, ...]:
    return {"create": (200, 201, 202), "update": (200, 201), "patch": (200, 201), "delete": (200, 202)}.get(
        verb, (200,)
    )


def _own_kind(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.kind


def _scope(resource: Resource) -> str:
    return "Namespaced" if resource.namespaced else ""


def _group_words(resource: Resource) -> str:
    """The group as client generators capitalise it: "Core", "RbacAuthorization"."""
    parts = resource.group.removesuffix(".k8s.io").split(".") if resource.group else ["core"]
    return "".join(part.capitalize() for part in parts)


def _group_id(resource: Resource) -> str:
    return _group_words(resource) + resource.version.capitalize()


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"
