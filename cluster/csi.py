"""Speaking CSI: what callers of storage drivers have in common: the kubelet and the provisioner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.pb import csi_pb2 as pb

_Mode = pb.VolumeCapability.AccessMode
_MODES = {
    "ReadOnlyMany": _Mode.MULTI_NODE_READER_ONLY,
    "ReadWriteMany": _Mode.MULTI_NODE_MULTI_WRITER,
}
# Drivers that tell apart one pod from several on a node, and those that do not (CSI 1.5).
_FINE = {"ReadWriteOnce": _Mode.SINGLE_NODE_MULTI_WRITER, "ReadWriteOncePod": _Mode.SINGLE_NODE_SINGLE_WRITER}
_COARSE = {"ReadWriteOnce": _Mode.SINGLE_NODE_WRITER, "ReadWriteOncePod": _Mode.SINGLE_NODE_WRITER}


def capabilities(
    access_modes: Iterable[str],
    *,
    block: bool,
    fs_type: str = "",
    mount_options: Sequence[str] = (),
    tells_pods_apart: bool = True,
) -> list[pb.VolumeCapability]:
    """One capability for each access mode of a claim or volume.

    tells_pods_apart: the driver has the capability SINGLE_NODE_MULTI_WRITER.
    """
    modes = _MODES | (_FINE if tells_pods_apart else _COARSE)
    return [_capability(modes[mode], block, fs_type, mount_options) for mode in access_modes]


def _capability(
    mode: pb.VolumeCapability.AccessMode.Mode, block: bool, fs_type: str, mount_options: Sequence[str]
) -> pb.VolumeCapability:
    capability = pb.VolumeCapability(access_mode=_Mode(mode=mode))
    if block:
        capability.block.SetInParent()
    else:
        capability.mount.SetInParent()
        capability.mount.fs_type = fs_type
        capability.mount.mount_flags.extend(mount_options)
    return capability
