"""Whether volumes are attached to this node: their VolumeAttachments, which the attach-detach controller makes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from api.errors import NotFound
from api.types import VolumeAttachment
from cluster.client import Client
from kubelet.volumes.failure import VolumeFailure


class Attachments:
    """node_name: this node."""

    def __init__(self, client: Client, node_name: str) -> None:
        self._client = client
        self._node_name = node_name

    async def context(self, driver: str, handle: str) -> Mapping[str, str]:
        """What the driver told when it attached a volume. Raises VolumeFailure until it is attached, StatusError."""
        digest = hashlib.sha256(f"{handle}{driver}{self._node_name}".encode()).hexdigest()
        try:
            attachment = await self._client.get(VolumeAttachment, f"csi-{digest}")
        except NotFound:
            raise VolumeFailure(f"volume {handle} has no VolumeAttachment for node {self._node_name} yet") from None
        if attachment.status.attach_error is not None:
            raise VolumeFailure(f"volume {handle} could not be attached: {attachment.status.attach_error.message}")
        if not attachment.status.attached:
            raise VolumeFailure(f"volume {handle} is not attached to node {self._node_name} yet")
        return attachment.status.attachment_metadata
