"""Field numbers of core/v1: volumes, claims and the storage systems behind them."""

from __future__ import annotations

PACKAGE = "core/v1"

MESSAGES: dict[str, str] = {
    "AWSElasticBlockStoreVolumeSource": "fsType=2 partition=3 readOnly=4 volumeID=1",
    "AttachedVolume": "name=1 devicePath=2",
    "AzureDiskVolumeSource": "cachingMode=3 diskName=1 diskURI=2 fsType=4 kind=6 readOnly=5",
    "AzureFilePersistentVolumeSource": "readOnly=3 secretName=1 secretNamespace=4 shareName=2",
    "AzureFileVolumeSource": "readOnly=3 secretName=1 shareName=2",
    "CSIPersistentVolumeSource": (
        "controllerExpandSecretRef=9 controllerPublishSecretRef=6 driver=1 fsType=4 nodePublishSecretRef=8 "
        "nodeStageSecretRef=7 readOnly=3 volumeAttributes=5 volumeHandle=2 nodeExpandSecretRef=10"
    ),
    "CSIVolumeSource": "driver=1 fsType=3 nodePublishSecretRef=5 readOnly=2 volumeAttributes=4",
    "CephFSPersistentVolumeSource": "monitors=1 path=2 readOnly=6 secretFile=4 secretRef=5 user=3",
    "CephFSVolumeSource": "monitors=1 path=2 readOnly=6 secretFile=4 secretRef=5 user=3",
    "CinderPersistentVolumeSource": "fsType=2 readOnly=3 secretRef=4 volumeID=1",
    "CinderVolumeSource": "fsType=2 readOnly=3 secretRef=4 volumeID=1",
    "ClusterTrustBundleProjection": "name=1 labelSelector=3 optional=5 path=4 signerName=2",
    "ConfigMapProjection": "name=1.1 items=2 optional=4",
    "ConfigMapVolumeSource": "name=1.1 defaultMode=3 items=2 optional=4",
    "DownwardAPIProjection": "items=1",
    "DownwardAPIVolumeFile": "fieldRef=2 mode=4 path=1 resourceFieldRef=3",
    "DownwardAPIVolumeSource": "defaultMode=2 items=1",
    "EmptyDirVolumeSource": "medium=1 sizeLimit=2",
    "EphemeralVolumeSource": "volumeClaimTemplate=1",
    "FCVolumeSource": "fsType=3 lun=2 readOnly=4 targetWWNs=1 wwids=5",
    "FlexPersistentVolumeSource": "driver=1 fsType=2 options=5 readOnly=4 secretRef=3",
    "FlexVolumeSource": "driver=1 fsType=2 options=5 readOnly=4 secretRef=3",
    "FlockerVolumeSource": "datasetName=1 datasetUUID=2",
    "GCEPersistentDiskVolumeSource": "fsType=2 partition=3 pdName=1 readOnly=4",
    "GitRepoVolumeSource": "directory=3 repository=1 revision=2",
    "GlusterfsPersistentVolumeSource": "endpoints=1 endpointsNamespace=4 path=2 readOnly=3",
    "GlusterfsVolumeSource": "endpoints=1 path=2 readOnly=3",
    "HostPathVolumeSource": "path=1 type=2",
    "ISCSIPersistentVolumeSource": (
        "chapAuthDiscovery=8 chapAuthSession=11 fsType=5 initiatorName=12 iqn=2 iscsiInterface=4 lun=3 "
        "portals=7 readOnly=6 secretRef=10 targetPortal=1"
    ),
    "ISCSIVolumeSource": (
        "chapAuthDiscovery=8 chapAuthSession=11 fsType=5 initiatorName=12 iqn=2 iscsiInterface=4 lun=3 "
        "portals=7 readOnly=6 secretRef=10 targetPortal=1"
    ),
    "ImageVolumeSource": "pullPolicy=2 reference=1",
    "KeyToPath": "key=1 mode=3 path=2",
    "LocalVolumeSource": "fsType=2 path=1",
    "ModifyVolumeStatus": "targetVolumeAttributesClassName=1 status=2",
    "NFSVolumeSource": "path=2 readOnly=3 server=1",
    "PersistentVolume": "metadata=1 spec=2 status=3",
    "PersistentVolumeClaim": "metadata=1 spec=2 status=3",
    "PersistentVolumeClaimCondition": "lastProbeTime=3 lastTransitionTime=4 message=6 reason=5 status=2 type=1",
    "PersistentVolumeClaimSpec": (
        "accessModes=1 dataSource=7 dataSourceRef=8 resources=2 selector=4 storageClassName=5 "
        "volumeAttributesClassName=9 volumeMode=6 volumeName=3"
    ),
    "PersistentVolumeClaimStatus": (
        "accessModes=2 capacity=3 conditions=4 phase=1 allocatedResources=5 allocatedResourceStatuses=7 "
        "currentVolumeAttributesClassName=8 modifyVolumeStatus=9"
    ),
    "PersistentVolumeClaimTemplate": "metadata=1 spec=2",
    "PersistentVolumeClaimVolumeSource": "claimName=1 readOnly=2",
    "PersistentVolumeSpec": (
        "accessModes=3 capacity=1 claimRef=4 mountOptions=7 nodeAffinity=9 persistentVolumeReclaimPolicy=5 "
        "storageClassName=6 volumeMode=8 volumeAttributesClassName=10 gcePersistentDisk=2.1 "
        "awsElasticBlockStore=2.2 hostPath=2.3 glusterfs=2.4 nfs=2.5 rbd=2.6 iscsi=2.7 cinder=2.8 cephfs=2.9 "
        "fc=2.10 flocker=2.11 flexVolume=2.12 azureFile=2.13 vsphereVolume=2.14 quobyte=2.15 azureDisk=2.16 "
        "photonPersistentDisk=2.17 portworxVolume=2.18 scaleIO=2.19 local=2.20 storageos=2.21 csi=2.22"
    ),
    "PersistentVolumeStatus": "message=2 phase=1 reason=3 lastPhaseTransitionTime=4",
    "PhotonPersistentDiskVolumeSource": "fsType=2 pdID=1",
    "PodCertificateProjection": (
        "certificateChainPath=6 credentialBundlePath=4 keyPath=5 keyType=2 maxExpirationSeconds=3 "
        "signerName=1 userAnnotations=7"
    ),
    "PortworxVolumeSource": "fsType=2 readOnly=3 volumeID=1",
    "ProjectedVolumeSource": "defaultMode=2 sources=1",
    "QuobyteVolumeSource": "group=5 readOnly=3 registry=1 tenant=6 user=4 volume=2",
    "RBDPersistentVolumeSource": "fsType=3 image=2 keyring=6 monitors=1 pool=4 readOnly=8 secretRef=7 user=5",
    "RBDVolumeSource": "fsType=3 image=2 keyring=6 monitors=1 pool=4 readOnly=8 secretRef=7 user=5",
    "ScaleIOPersistentVolumeSource": (
        "fsType=9 gateway=1 protectionDomain=5 readOnly=10 secretRef=3 sslEnabled=4 storageMode=7 "
        "storagePool=6 system=2 volumeName=8"
    ),
    "ScaleIOVolumeSource": (
        "fsType=9 gateway=1 protectionDomain=5 readOnly=10 secretRef=3 sslEnabled=4 storageMode=7 "
        "storagePool=6 system=2 volumeName=8"
    ),
    "SecretProjection": "name=1.1 items=2 optional=4",
    "SecretReference": "name=1 namespace=2",
    "SecretVolumeSource": "defaultMode=3 items=2 optional=4 secretName=1",
    "ServiceAccountTokenProjection": "audience=1 expirationSeconds=2 path=3",
    "StorageOSPersistentVolumeSource": "fsType=3 readOnly=4 secretRef=5 volumeName=1 volumeNamespace=2",
    "StorageOSVolumeSource": "fsType=3 readOnly=4 secretRef=5 volumeName=1 volumeNamespace=2",
    "TopologySelectorLabelRequirement": "key=1 values=2",
    "TopologySelectorTerm": "matchLabelExpressions=1",
    "Volume": (
        "name=1 awsElasticBlockStore=2.4 azureDisk=2.22 azureFile=2.18 cephfs=2.14 cinder=2.13 configMap=2.19 "
        "csi=2.28 downwardAPI=2.16 emptyDir=2.2 ephemeral=2.29 fc=2.17 flexVolume=2.12 flocker=2.15 "
        "gcePersistentDisk=2.3 gitRepo=2.5 glusterfs=2.9 hostPath=2.1 image=2.30 iscsi=2.8 nfs=2.7 "
        "persistentVolumeClaim=2.10 photonPersistentDisk=2.23 portworxVolume=2.24 projected=2.26 quobyte=2.21 "
        "rbd=2.11 scaleIO=2.25 secret=2.6 storageos=2.27 vsphereVolume=2.20"
    ),
    "VolumeDevice": "name=1 devicePath=2",
    "VolumeMount": "name=1 mountPath=3 mountPropagation=5 readOnly=2 recursiveReadOnly=7 subPath=4 subPathExpr=6",
    "VolumeMountStatus": "name=1 mountPath=2 readOnly=3 recursiveReadOnly=4 volumeStatus=5",
    "VolumeNodeAffinity": "required=1",
    "VolumeProjection": (
        "clusterTrustBundle=5 configMap=3 downwardAPI=2 podCertificate=6 secret=1 serviceAccountToken=4"
    ),
    "VolumeResourceRequirements": "limits=1 requests=2",
    "VsphereVirtualDiskVolumeSource": "fsType=2 storagePolicyID=4 storagePolicyName=3 volumePath=1",
}
