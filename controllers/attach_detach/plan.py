"""Which VolumeAttachments a node is to have. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.types import (
    ObjectMeta,
    PersistentVolume,
    VolumeAttachment,
    VolumeAttachmentSource,
    VolumeAttachmentSpec,
)

_SHARED_MODES = frozenset({"ReadOnlyMany", "ReadWriteMany"})


@dataclass(frozen=True, slots=True)
class Plan:
    """create, delete: attachments. refused: names of volumes that are attached to another node, and which."""

    create: list[VolumeAttachment]
    delete: list[VolumeAttachment]
    refused: dict[str, str]


def plan(node: str, wanted: Mapping[str, PersistentVolume], attachments: Iterable[VolumeAttachment]) -> Plan:
    """wanted: the attachable volumes of the node's pods, by name. attachments: to the node, or of these volumes."""
    here: dict[str, VolumeAttachment] = {}
    elsewhere: dict[str, str] = {}
    for attachment in attachments:
        name = attachment.spec.source.persistent_volume_name
        if name is None:
            continue
        if attachment.spec.node_name == node:
            here[name] = attachment
        else:
            elsewhere[name] = attachment.spec.node_name
    create, refused = [], {}
    for name, volume in wanted.items():
        if name in here:
            continue
        if name in elsewhere and not _SHARED_MODES.intersection(volume.spec.access_modes):
            refused[name] = elsewhere[name]
        else:
            create.append(attachment_of(volume, node))
    delete = [
        attachment
        for name, attachment in here.items()
        if name not in wanted and attachment.metadata.deletion_timestamp is None and _is_ours(attachment)
    ]
    return Plan(create, delete, refused)


def _is_ours(attachment: VolumeAttachment) -> bool:
    """Whether this controller made it: others may make some by hand."""
    return attachment.metadata.name.startswith("csi-")


def attachment_of(volume: PersistentVolume, node: str) -> VolumeAttachment:
    """The wish to have a CSI volume on a node."""
    source = volume.spec.csi
    assert source is not None
    return VolumeAttachment(
        metadata=ObjectMeta(name=attachment_name(source.volume_handle, source.driver, node)),
        spec=VolumeAttachmentSpec(
            attacher=source.driver,
            node_name=node,
            source=VolumeAttachmentSource(persistent_volume_name=volume.metadata.name),
        ),
    )


def attachment_name(handle: str, driver: str, node: str) -> str:
    """Upstream's name, by which the kubelet finds it."""
    return f"csi-{hashlib.sha256(f'{handle}{driver}{node}'.encode()).hexdigest()}"
