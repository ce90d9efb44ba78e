"""What the records say about their own fields, for patches, OpenAPI, strict decoding and canonical forms."""

from __future__ import annotations

import builtins
import functools
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from api.types.record import Field, Record
from api.types.scalars import Format

_NO_FACTS = Field()
_PLAIN = {str: "string", bool: "boolean", int: "int64", float: "number"}


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A value's shape.

    `format` names a scalar: string, boolean, int32, int64, number, quantity, date-time, micro-time, byte,
    int-or-string, raw (any JSON). `record` is set when shape is "record", `element` for lists and maps.
    """

    shape: Literal["scalar", "record", "list", "map"]
    format: str = ""
    record: type[Record] | None = None
    element: TypeInfo | None = None


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of a record.

    `element_record` is the record type the field holds, directly or as list or map element. `pointer` says
    that absent differs from zero. `facts` are the annotations.
    """

    python_name: str
    json_name: str
    type: TypeInfo
    element_record: builtins.type[Record] | None
    pointer: bool
    facts: Field


@functools.cache
def fields(record_type: type[Record]) -> Mapping[str, FieldInfo]:
    """Fields of a record by JSON name, in the order they are written."""
    hints = get_type_hints(record_type, include_extras=True)
    infos = (_field(item.name, item.encode_name, hints[item.name]) for item in msgspec.structs.fields(record_type))
    return types.MappingProxyType({info.json_name: info for info in infos})


def package(record_type: type[Record]) -> str:
    """Group and version a record is defined in, by upstream's package name: "core/v1", "meta/v1"."""
    return typing.cast(str, sys.modules[record_type.__module__].PACKAGE)


def schema_name(record_type: type[Record]) -> str:
    """A record's name in OpenAPI: "io.k8s.api.core.v1.Pod", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"."""
    name = package(record_type)
    prefix = "io.k8s.apimachinery.pkg.apis" if name == "meta/v1" else "io.k8s.api"
    return f"{prefix}.{name.replace('/', '.')}.{record_type.__name__}"


def _field(python_name: str, json_name: str, hint: Any) -> FieldInfo:
    facts = _NO_FACTS
    if get_origin(hint) is Annotated:
        facts = next((extra for extra in hint.__metadata__ if isinstance(extra, Field)), _NO_FACTS)
    info, nullable = _type_info(hint)
    deepest = info
    while deepest.element is not None:
        deepest = deepest.element
    return FieldInfo(python_name, json_name, info, deepest.record, nullable, facts)


def _type_info(hint: Any) -> tuple[TypeInfo, bool]:
    """The shape a type hint describes, and whether None is among its values."""
    if get_origin(hint) is Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, Format):
                return TypeInfo("scalar", extra.name), False
        return _type_info(hint.__origin__)
    if hint is Any:
        return TypeInfo("scalar", "raw"), True
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = [argument for argument in arguments if argument is not type(None)]
        return _type_info(inner)[0], True
    if origin is list:
        return TypeInfo("list", element=_type_info(arguments[0])[0]), False
    if origin is dict:
        return TypeInfo("map", element=_type_info(arguments[1])[0]), False
    if isinstance(hint, type) and issubclass(hint, Record):
        return TypeInfo("record", record=hint), False
    return TypeInfo("scalar", _PLAIN[hint]), False
