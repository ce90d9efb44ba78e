"""Message classes for the records, built once from their fields and upstream's numbers."""

from __future__ import annotations

import functools
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from api.protobuf.numbers import NUMBERS
from api.types.record import Record
from api.types.reflection import FieldInfo, TypeInfo, fields, package

_FieldProto = descriptor_pb2.FieldDescriptorProto
_PACKAGE: Final = "podling.kubernetes"
_SCALARS: Final = {
    "string": _FieldProto.TYPE_STRING,
    "boolean": _FieldProto.TYPE_BOOL,
    "int32": _FieldProto.TYPE_INT32,
    "int64": _FieldProto.TYPE_INT64,
    "number": _FieldProto.TYPE_DOUBLE,
    "byte": _FieldProto.TYPE_BYTES,
}
# Formats that are a string or any JSON to people and a message on the wire: field name -> (number, type).
WRAPPERS: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "quantity": (("string", 1, _FieldProto.TYPE_STRING),),
    "date-time": (("seconds", 1, _FieldProto.TYPE_INT64), ("nanos", 2, _FieldProto.TYPE_INT32)),
    "micro-time": (("seconds", 1, _FieldProto.TYPE_INT64), ("nanos", 2, _FieldProto.TYPE_INT32)),
    "int-or-string": (
        ("type", 1, _FieldProto.TYPE_INT64),
        ("intVal", 2, _FieldProto.TYPE_INT32),
        ("strVal", 3, _FieldProto.TYPE_STRING),
    ),
    "raw": (("raw", 1, _FieldProto.TYPE_BYTES),),
}
EMBEDDED: Final = "embedded"  # how a message that JSON does not show is called inside its owner


class _Builder:
    """Collects the messages of one file: a record's and those it reaches."""

    def __init__(self) -> None:
        self.file = descriptor_pb2.FileDescriptorProto(
            name="podling/kubernetes.proto", package=_PACKAGE, syntax="proto2"
        )
        self._known: set[str] = set()
        for name, members in WRAPPERS.items():
            message = self.file.message_type.add(name=_wrapper_name(name))
            for member, number, kind in members:
                message.field.add(name=member, number=number, type=kind, label=_FieldProto.LABEL_OPTIONAL)
        strings = self.file.message_type.add(name="Strings")
        strings.field.add(name="items", number=1, type=_FieldProto.TYPE_STRING, label=_FieldProto.LABEL_REPEATED)

    def add(self, record: type[Record]) -> str:
        """The message of a record; its fields and their records are added with it."""
        name = message_name(record)
        if name in self._known:
            return name
        self._known.add(name)
        message = descriptor_pb2.DescriptorProto(name=name)
        embedded: descriptor_pb2.DescriptorProto | None = None
        infos = fields(record)
        for json_name, path in numbers(record).items():
            if len(path) == 2 and embedded is None:
                embedded = message.nested_type.add(name="Embedded")
                message.field.add(
                    name=EMBEDDED,
                    number=path[0],
                    type=_FieldProto.TYPE_MESSAGE,
                    type_name=f".{_PACKAGE}.{name}.Embedded",
                    label=_FieldProto.LABEL_OPTIONAL,
                )
            owner, prefix = (embedded, f"{name}.Embedded") if len(path) == 2 else (message, name)
            assert owner is not None
            self._field(owner, prefix, infos[json_name], path[-1])
        self.file.message_type.append(message)
        return name

    def _field(self, owner: descriptor_pb2.DescriptorProto, prefix: str, info: FieldInfo, number: int) -> None:
        field = owner.field.add(name=info.json_name, number=number, label=_FieldProto.LABEL_OPTIONAL)
        shape = info.type
        if shape.shape == "list":
            field.label = _FieldProto.LABEL_REPEATED
            assert shape.element is not None
            self._type(field, shape.element)
        elif shape.shape == "map":
            field.label = _FieldProto.LABEL_REPEATED
            entry = owner.nested_type.add(name=f"Entry{number}")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=_FieldProto.TYPE_STRING, label=_FieldProto.LABEL_OPTIONAL)
            value = entry.field.add(name="value", number=2, label=_FieldProto.LABEL_OPTIONAL)
            assert shape.element is not None
            self._type(value, shape.element)
            field.type = _FieldProto.TYPE_MESSAGE
            field.type_name = f".{_PACKAGE}.{prefix}.Entry{number}"
        else:
            self._type(field, shape)

    def _type(self, field: descriptor_pb2.FieldDescriptorProto, shape: TypeInfo) -> None:
        if shape.shape == "scalar" and shape.format in _SCALARS:
            field.type = _SCALARS[shape.format]
            return
        field.type = _FieldProto.TYPE_MESSAGE
        if shape.record is not None:
            name = self.add(shape.record)
        else:
            # A list inside a map (authentication's ExtraValue) is a message of its own.
            name = "Strings" if shape.shape == "list" else _wrapper_name(shape.format)
        field.type_name = f".{_PACKAGE}.{name}"


@functools.cache
def message_class(record: type[Record]) -> Any:
    """The protobuf class of a record."""
    builder = _Builder()
    name = builder.add(record)
    return _classes(builder.file)(f"{_PACKAGE}.{name}")


@functools.cache
def unknown() -> Any:
    """The class of upstream's `runtime.Unknown`, the envelope of every object."""
    file = descriptor_pb2.FileDescriptorProto(name="podling/unknown.proto", package=_PACKAGE, syntax="proto2")
    type_meta = file.message_type.add(name="TypeMeta")
    envelope = file.message_type.add(name="Unknown")
    for number, name in enumerate(("apiVersion", "kind"), 1):
        type_meta.field.add(name=name, number=number, type=_FieldProto.TYPE_STRING, label=_FieldProto.LABEL_OPTIONAL)
    envelope.field.add(
        name="typeMeta",
        number=1,
        type=_FieldProto.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.TypeMeta",
        label=_FieldProto.LABEL_OPTIONAL,
    )
    envelope.field.add(name="raw", number=2, type=_FieldProto.TYPE_BYTES, label=_FieldProto.LABEL_OPTIONAL)
    return _classes(file)(f"{_PACKAGE}.Unknown")


@functools.cache
def numbers(record: type[Record]) -> dict[str, tuple[int, ...]]:
    """A record's fields by JSON name: the number, or the two numbers of a field inside an embedded message."""
    text = NUMBERS.get(package(record), {}).get(record.__name__, "")
    pairs = (word.split("=") for word in text.split())
    return {name: tuple(int(number) for number in path.split(".")) for name, path in pairs}


def message_name(record: type[Record]) -> str:
    return f"{package(record).replace('/', '_').replace('.', '_')}_{record.__name__}"


def _wrapper_name(format: str) -> str:
    return "Wrapped_" + format.replace("-", "_")


def _classes(file: descriptor_pb2.FileDescriptorProto) -> Any:
    # A pool of its own: the library's default pool refuses a second message of one name.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
