"""Where objects stand in etcd: `/registry/<resource>/<namespace>/<name>`, upstream's layout.

An *object key* is the part after the resource: `namespace/name`, or `name` for cluster-scoped kinds.
"""

from __future__ import annotations

from apiserver.etcd.client import prefix_end

DEFAULT_PREFIX = "/registry"


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

    def split(self, key: bytes) -> tuple[bytes, str]:
        """Resource and object key of an etcd key below the prefix."""
        storage, _, rest = key[len(self.root) :].partition(b"/")
        return storage, rest.decode()
