"""JSON patch (RFC 6902), with the index rules of the library upstream uses (evanphx/json-patch v4).

Beyond the RFC: a negative array index counts from the end, and a document as a whole cannot be an operation's target.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from api.errors import BadRequest, RequestEntityTooLarge
from api.patch import failures

MAXIMUM_OPERATIONS = 10_000
MAXIMUM_COPIED_BYTES = 3 * 1024 * 1024
"""How much the `copy` operations of one patch may add: without a limit each could double the document."""

_INDEX = re.compile(r"[+-]?[0-9]+")
_MISSING = object()


def json_patch(tree: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The tree after all operations, or an error and no change.

    Only containers on the operations' paths are copied. Raises `BadRequest` when the patch is not a list of objects,
    `RequestEntityTooLarge` on more than 10,000 operations, and 422 Invalid when an operation cannot be carried out
    or a `test` fails.
    """
    if not isinstance(operations, list):
        raise _bad_patch(operations, "jsonpatch.Patch")
    for operation in operations:
        if not isinstance(operation, dict):
            raise _bad_patch(operation, "jsonpatch.Operation")
    if len(operations) > MAXIMUM_OPERATIONS:
        raise RequestEntityTooLarge(
            f"The allowed maximum operations in a JSON patch is {MAXIMUM_OPERATIONS}, got {len(operations)}"
        )
    document = _Document(tree)
    for operation in operations:
        document.apply(operation)
    return document.root


def _bad_patch(value: Any, go_type: str) -> BadRequest:
    message = failures.not_an_object(value).message
    return BadRequest(message.replace("map[string]interface {}", go_type))


class _Document:
    """A tree being patched. `_own` holds the containers made here, by id: only these may be changed in place."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self._own: dict[int, Any] = {}
        self._copied_bytes = 0

    def apply(self, operation: dict[str, Any]) -> None:
        name = operation.get("op")
        perform = _OPERATIONS.get(name) if isinstance(name, str) else None
        if perform is None:
            raise failures.inapplicable()
        perform(self, operation)

    def add(self, operation: dict[str, Any]) -> None:
        self._insert(_pointer(operation, "path"), operation.get("value"))

    def remove(self, operation: dict[str, Any]) -> None:
        self._take(_pointer(operation, "path"))

    def replace(self, operation: dict[str, Any]) -> None:
        *parents, last = _pointer(operation, "path")
        container = self._writable(parents)
        if isinstance(container, dict):
            if last not in container:
                raise failures.inapplicable()
            container[last] = operation.get("value")
        else:
            container[_existing(container, last)] = operation.get("value")

    def move(self, operation: dict[str, Any]) -> None:
        value = self._take(_pointer(operation, "from"))
        self._insert(_pointer(operation, "path"), value)

    def copy(self, operation: dict[str, Any]) -> None:
        value = self._find(_pointer(operation, "from"))
        if value is _MISSING:
            raise failures.inapplicable()
        encoded = msgspec.json.encode(value)
        self._copied_bytes += len(encoded)
        if self._copied_bytes > MAXIMUM_COPIED_BYTES:
            raise failures.inapplicable()
        self._insert(_pointer(operation, "path"), msgspec.json.decode(encoded))

    def test(self, operation: dict[str, Any]) -> None:
        found = self._find(_pointer(operation, "path"))
        # A key that is not there equals null, as upstream's library has it.
        if not _equal(None if found is _MISSING else found, operation.get("value")):
            raise failures.inapplicable()

    def _find(self, path: list[str]) -> Any:
        """What is at the path; _MISSING if its parent is an object without that key."""
        node: Any = self.root
        for depth, token in enumerate(path):
            if isinstance(node, dict):
                node = node.get(token, _MISSING)
                if node is _MISSING and depth + 1 < len(path):
                    raise failures.inapplicable()
            elif isinstance(node, list):
                node = node[_existing(node, token)]
            else:
                raise failures.inapplicable()
        return node

    def _insert(self, path: list[str], value: Any) -> None:
        *parents, last = path
        container = self._writable(parents)
        if isinstance(container, dict):
            container[last] = value
        elif last == "-":
            container.append(value)
        else:
            container.insert(_position(last, len(container) + 1), value)

    def _take(self, path: list[str]) -> Any:
        *parents, last = path
        container = self._writable(parents)
        if isinstance(container, list):
            return container.pop(_existing(container, last))
        if last not in container:
            raise failures.inapplicable()
        return container.pop(last)

    def _writable(self, path: list[str]) -> Any:
        """The container at the path, it and all above it being ours to change."""
        self.root = node = self._owned(self.root)
        for token in path:
            key: Any = token
            if isinstance(node, list):
                key = _existing(node, token)
            elif token not in node:
                raise failures.inapplicable()
            child = self._owned(node[key])
            node[key] = child
            node = child
        return node

    def _owned(self, container: Any) -> Any:
        if id(container) in self._own:
            return container
        if not isinstance(container, dict | list):
            raise failures.inapplicable()
        copied = container.copy()
        self._own[id(copied)] = copied
        return copied


_OPERATIONS: dict[str, Callable[[_Document, dict[str, Any]], None]] = {
    "add": _Document.add,
    "remove": _Document.remove,
    "replace": _Document.replace,
    "move": _Document.move,
    "copy": _Document.copy,
    "test": _Document.test,
}


def _pointer(operation: dict[str, Any], member: str) -> list[str]:
    """The tokens of a JSON pointer (RFC 6901) with at least one."""
    pointer = operation.get(member)
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise failures.inapplicable()
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def _existing(container: list[Any], token: str) -> int:
    return _position(token, len(container))


def _position(token: str, length: int) -> int:
    """A token as index below `length`, negative ones counted from the end."""
    if not _INDEX.fullmatch(token) or len(token) > 10:
        raise failures.inapplicable()
    index = int(token)
    if not -length <= index < length:
        raise failures.inapplicable()
    return index % length


def _equal(left: Any, right: Any) -> bool:
    """Equality of JSON values, where unlike in Python true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)
