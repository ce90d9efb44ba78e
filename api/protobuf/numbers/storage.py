"""Field numbers of storage/v1."""

from __future__ import annotations

PACKAGE = "storage/v1"

MESSAGES: dict[str, str] = {
    "CSIDriver": "metadata=1 spec=2",
    "CSIDriverSpec": (
        "attachRequired=1 fsGroupPolicy=5 podInfoOnMount=2 requiresRepublish=7 storageCapacity=4 "
        "tokenRequests=6 volumeLifecycleModes=3 seLinuxMount=8 nodeAllocatableUpdatePeriodSeconds=9 "
        "serviceAccountTokenInSecrets=10 preventPodSchedulingIfMissing=11"
    ),
    "CSINode": "metadata=1 spec=2",
    "CSINodeDriver": "allocatable=4 name=1 nodeID=2 topologyKeys=3",
    "CSINodeSpec": "drivers=1",
    "CSIStorageCapacity": "metadata=1 capacity=4 nodeTopology=2 storageClassName=3 maximumVolumeSize=5",
    "StorageClass": (
        "metadata=1 allowVolumeExpansion=6 allowedTopologies=8 mountOptions=5 parameters=3 provisioner=2 "
        "reclaimPolicy=4 volumeBindingMode=7"
    ),
    "StorageTokenRequest": "audience=1 expirationSeconds=2",
    "VolumeAttachment": "metadata=1 spec=2 status=3",
    "VolumeAttachmentSource": "inlineVolumeSpec=2 persistentVolumeName=1",
    "VolumeAttachmentSpec": "attacher=1 nodeName=3 source=2",
    "VolumeAttachmentStatus": "attachError=3 attached=1 attachmentMetadata=2 detachError=4",
    "VolumeAttributesClass": "metadata=1 driverName=2 parameters=3",
    "VolumeError": "message=2 time=1 errorCode=3",
    "VolumeNodeResources": "count=1",
}
