"""Records as JSON schemas, in the two dialects of OpenAPI v2 and v3."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.openapi.operations import PATCH_BODY
from api.scheme import KINDS, RESOURCES
from api.types import DeleteOptions, ListMeta
from api.types.record import Record
from api.types.reflection import FieldInfo, TypeInfo, fields, schema_name

Tree = dict[str, Any]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_TIME = f"{_META}.Time"
_MICRO_TIME = f"{_META}.MicroTime"
_FIELDS_V1 = f"{_META}.FieldsV1"
_RAW = "io.k8s.apimachinery.pkg.runtime.RawExtension"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

_INLINE: Mapping[str, Tree] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "number": {"type": "number", "format": "double"},
    "byte": {"type": "string", "format": "byte"},
}
_NAMED = {
    "quantity": _QUANTITY,
    "date-time": _TIME,
    "micro-time": _MICRO_TIME,
    "int-or-string": _INT_OR_STRING,
    "raw": _RAW,
}
_SHARED: Mapping[str, Tree] = {
    _TIME: {"description": "A time in RFC 3339.", "type": "string", "format": "date-time"},
    _MICRO_TIME: {"description": "A time in RFC 3339 with microseconds.", "type": "string", "format": "date-time"},
    _FIELDS_V1: {"description": "A set of fields, as a trie.", "type": "object"},
    _RAW: {"description": "Any object.", "type": "object"},
    PATCH_BODY: {"description": "A patch; its form depends on the content type.", "type": "object"},
}
_GROUPS = tuple(dict.fromkeys((resource.group, resource.version) for resource in RESOURCES))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an OpenAPI version refers to definitions, and its forms of the two types that are strings or numbers."""

    prefix: str
    wraps_references: bool
    quantity: Mapping[str, Any]
    int_or_string: Mapping[str, Any]

    def reference(self, name: str) -> Tree:
        return {"$ref": self.prefix + name}


V2 = Dialect(
    prefix="#/definitions/",
    wraps_references=False,
    quantity={"type": "string"},
    int_or_string={"type": "string", "format": "int-or-string"},
)
V3 = Dialect(
    prefix="#/components/schemas/",
    wraps_references=True,
    quantity={"oneOf": [{"type": "string"}, {"type": "number"}]},
    int_or_string={"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
)


def definitions(roots: Iterable[type[Record]], listed: Iterable[type[Record]], dialect: Dialect) -> dict[str, Tree]:
    """Schemas by name of all records reachable from `roots`, and of lists of the `listed` ones."""
    result: dict[str, Tree] = {}
    waiting = list(roots)
    for record in listed:
        result[f"{schema_name(record)}List"] = _list_schema(record, dialect)
        waiting += [record, ListMeta]
    seen: set[type[Record]] = set()
    while waiting:
        record = waiting.pop()
        if record in seen:
            continue
        seen.add(record)
        result[schema_name(record)] = _record_schema(record, dialect)
        waiting += [info.element_record for info in fields(record).values() if info.element_record is not None]
    shared = {
        **_SHARED,
        _QUANTITY: {"description": "A number with a unit, such as 100m or 64Mi.", **dialect.quantity},
        _INT_OR_STRING: {"description": "A number, or a name or percentage.", **dialect.int_or_string},
    }
    return dict(sorted({**result, **shared}.items()))


def _record_schema(record: type[Record], dialect: Dialect) -> Tree:
    infos = fields(record)
    schema: Tree = {"description": record.__doc__ or "", "type": "object"}
    required = [name for name, info in infos.items() if info.facts.required]
    if required:
        schema["required"] = required
    schema["properties"] = {name: _property(record, info, dialect) for name, info in infos.items()}
    kinds = _kinds_of(record)
    if kinds:
        schema["x-kubernetes-group-version-kind"] = kinds
    return schema


def _kinds_of(record: type[Record]) -> list[Tree]:
    if record is DeleteOptions:
        return [kind_tree((group, version, "DeleteOptions")) for group, version in _GROUPS]
    found = []
    for (api_version, kind), other in KINDS.items():
        if other is record:
            group, _, version = api_version.rpartition("/")
            found.append(kind_tree((group, version, kind)))
    return found


def kind_tree(kind: tuple[str, str, str]) -> Tree:
    """A group, version and kind as the extension x-kubernetes-group-version-kind shows it."""
    return dict(zip(("group", "version", "kind"), kind, strict=True))


def _list_schema(record: type[Record], dialect: Dialect) -> Tree:
    (own,) = _kinds_of(record)
    return {
        "description": f"A list of objects of kind {own['kind']}.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "items": {"type": "array", "items": _reference(schema_name(record), dialect)},
            "kind": {"type": "string"},
            "metadata": _reference(schema_name(ListMeta), dialect),
        },
        "x-kubernetes-group-version-kind": [own | {"kind": f"{own['kind']}List"}],
    }


def _property(record: type[Record], info: FieldInfo, dialect: Dialect) -> Tree:
    if info.json_name == "fieldsV1":
        return _reference(_FIELDS_V1, dialect)
    schema = _value(info.type, dialect)
    facts = info.facts
    if facts.default is not None:
        schema["default"] = facts.default
    if facts.enum:
        schema["enum"] = list(facts.enum)
    extensions = {
        "list-type": facts.list_type,
        "list-map-keys": list(facts.list_map_keys),
        "map-type": facts.map_type,
        "patch-strategy": facts.patch_strategy,
        "patch-merge-key": facts.patch_merge_key,
    }
    return schema | {f"x-kubernetes-{name}": value for name, value in extensions.items() if value}


def _value(info: TypeInfo, dialect: Dialect) -> Tree:
    if info.record is not None:
        return _reference(schema_name(info.record), dialect)
    if info.element is not None:
        inner = "items" if info.shape == "list" else "additionalProperties"
        return {"type": "array" if info.shape == "list" else "object", inner: _value(info.element, dialect)}
    if info.format in _NAMED:
        return _reference(_NAMED[info.format], dialect)
    return dict(_INLINE[info.format])


def _reference(name: str, dialect: Dialect) -> Tree:
    """A reference that may have siblings: in v3 it must be wrapped for that."""
    reference = dialect.reference(name)
    return {"allOf": [reference]} if dialect.wraps_references else reference
