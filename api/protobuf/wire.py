"""The protobuf wire format, as far as Kubernetes uses it: fields of a message, one after the other.

Our own reader instead of generated classes: the messages are the records, only the field numbers are new.
"""

from collections.abc import Iterator

from api.errors import BadRequest

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5

_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10


class MalformedMessage(BadRequest):
    """The bytes are no protobuf message."""

    def __init__(self) -> None:
        super().__init__("the body of the request is not a valid protobuf message: it is cut off or malformed")


def read(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Number, wire type and value of each field: an int for VARINT, the bytes for the others.

    Raises `MalformedMessage`.
    """
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, position = _varint(message, position)
            yield number, wire_type, value
            continue
        if wire_type == BYTES:
            size, position = _varint(message, position)
        else:
            size = _FIXED_SIZES.get(wire_type, end)
        if number == 0 or size > end - position:
            raise MalformedMessage
        yield number, wire_type, message[position : position + size]
        position += size


def varints(packed: memoryview) -> Iterator[int]:
    """The values of a packed repeated field."""
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def signed(value: int) -> int:
    """A varint as the two's complement integer it stands for."""
    return value - (1 << 64) if value >> 63 else value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    for place in range(position, min(position + _LONGEST_VARINT, len(message))):
        byte = message[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place + 1
        shift += 7
    raise MalformedMessage
