"""Where objects stand in etcd: `/registry/<storage>/<namespace>/<name>`, upstream's layout.

A *storage* is a resource's place ("pods", "services/specs"); an *object key* the part after it:
`namespace/name`, or `name` for cluster-scoped kinds.
"""

from __future__ import annotations

from collections.abc import Container

from api.scheme import Resource
from apiserver.etcd.client import prefix_end

DEFAULT_PREFIX = "/registry"


def storage_of(resource: Resource) -> str:
    """The place of a resource's objects below the prefix."""
    return resource.key_prefix.removeprefix(DEFAULT_PREFIX + "/")


def object_key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def split_object_key(key: str) -> tuple[str, str]:
    """Namespace ("" for cluster-scoped kinds) and name."""
    namespace, separator, name = key.rpartition("/")
    return (namespace, name) if separator else ("", key)


class Keys:
    """Etcd keys below one prefix."""

    def __init__(self, prefix: str = DEFAULT_PREFIX) -> None:
        self.root = prefix.rstrip("/").encode() + b"/"
        self.root_end = prefix_end(self.root)
        # Written only to make etcd's revision visible in our watch.
        self.progress = self.root + b"podling.io/progress"
        self.compaction = self.root + b"podling.io/compaction"

    def object(self, storage: str, key: str) -> bytes:
        return b"%b%b/%b" % (self.root, storage.encode(), key.encode())

    def collection(self, storage: str, namespace: str = "") -> bytes:
        """The prefix of a resource's objects, of one namespace if given; ends in a slash."""
        return self.object(storage, f"{namespace}/" if namespace else "")

    def split(self, key: bytes, storages: Container[bytes]) -> tuple[bytes, str]:
        """Storage and object key of an etcd key below the prefix; `storages` are those there are.

        Some storages have two segments ("services/specs"): then the first alone is none.
        """
        first, _, rest = key[len(self.root) :].partition(b"/")
        if first in storages:
            return first, rest.decode()
        second, _, rest = rest.partition(b"/")
        return b"%b/%b" % (first, second), rest.decode()
