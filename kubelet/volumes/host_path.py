"""hostPath volumes: a place of the node, checked or made by `type` (upstream: pkg/volume/hostpath)."""

from __future__ import annotations

from pathlib import Path

from api.types import HostPathVolumeSource
from kubelet.volumes.failure import VolumeFailure


def set_up(source: HostPathVolumeSource) -> Path:
    """The path, once it is what `type` says. Raises VolumeFailure, OSError."""
    path, kind = Path(source.path), source.type or ""
    # Without a type nothing is checked; what is not there becomes a folder, as container runtimes have it.
    if kind in ("", "DirectoryOrCreate") and not path.exists():
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    elif kind == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    checks = {
        "Directory": (path.is_dir, "a directory"),
        "DirectoryOrCreate": (path.is_dir, "a directory"),
        "File": (path.is_file, "a file"),
        "FileOrCreate": (path.is_file, "a file"),
        "Socket": (path.is_socket, "a socket file"),
        "CharDevice": (path.is_char_device, "a character device"),
        "BlockDevice": (path.is_block_device, "a block device"),
    }
    if kind in checks:
        holds, what = checks[kind]
        if not holds():
            raise VolumeFailure(f"hostPath type check failed: {source.path} is not {what}")
    elif kind:
        raise VolumeFailure(f'hostPath has the unknown type "{kind}"')
    return path
