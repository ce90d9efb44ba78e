"""What a TLS client offers to speak (ALPN, RFC 7301), read from its first message before anything is answered. Pure."""

from __future__ import annotations

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_ALPN = 16
# More than any client's first message, however many extensions it has.
MAX_BYTES = 16 * 1024


class NotTls(Exception):
    """The bytes are no TLS client's first message."""


def offered(data: bytes) -> list[bytes] | None:
    """The protocols offered, none without the extension; None while the message is not whole. Raises NotTls."""
    if len(data) < 5:
        return None
    if data[0] != _HANDSHAKE or data[1] != 3:
        raise NotTls
    end = 5 + int.from_bytes(data[3:5])
    if len(data) < end:
        if end > MAX_BYTES:
            raise NotTls
        return None
    try:
        return _alpn(_Reader(data[5:end]))
    except IndexError:
        raise NotTls from None


class _Reader:
    """Takes pieces off a message; IndexError when there are not enough."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, count: int) -> bytes:
        if count > len(self._data):
            raise IndexError
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def vector(self, length_bytes: int) -> bytes:
        return self.take(int.from_bytes(self.take(length_bytes)))


def _alpn(message: _Reader) -> list[bytes]:
    if message.take(1)[0] != _CLIENT_HELLO:
        raise NotTls
    hello = _Reader(message.vector(3))
    hello.take(2 + 32)
    hello.vector(1)
    hello.vector(2)
    hello.vector(1)
    extensions = _Reader(hello.vector(2)) if hello else _Reader(b"")
    while extensions:
        kind, value = int.from_bytes(extensions.take(2)), extensions.vector(2)
        if kind == _ALPN:
            names = _Reader(_Reader(value).vector(2))
            found = []
            while names:
                found.append(names.vector(1))
            return found
    return []
