"""`fsGroup`: whose group the files of a volume are (upstream: pkg/volume/volume_linux.go)."""

from __future__ import annotations

import stat
from pathlib import Path

from api.types import Pod
from kubelet.volumes.atomic import own_by_group

_GROUP_BITS = 0o660
_SET_GROUP_ID = stat.S_ISGID


def apply_fs_group(root: Path, pod: Pod) -> None:
    """Give a volume to the pod's group, if it names one; blocking. Raises OSError.

    With the change policy OnRootMismatch a tree whose root is right already is left alone.
    """
    context = pod.spec.security_context
    if context is None or context.fs_group is None:
        return
    if context.fs_group_change_policy == "OnRootMismatch" and _is_given(root, context.fs_group):
        return
    own_by_group(root, context.fs_group, writable=True)


def _is_given(root: Path, group: int) -> bool:
    status = root.stat()
    wanted = _GROUP_BITS | _SET_GROUP_ID | 0o110
    return status.st_gid == group and status.st_mode & wanted == wanted
