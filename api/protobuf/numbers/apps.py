"""Field numbers of apps/v1."""

from __future__ import annotations

PACKAGE = "apps/v1"

MESSAGES: dict[str, str] = {
    "ControllerRevision": "metadata=1 data=2 revision=3",
    "DaemonSet": "metadata=1 spec=2 status=3",
    "DaemonSetCondition": "lastTransitionTime=3 message=5 reason=4 status=2 type=1",
    "DaemonSetSpec": "minReadySeconds=4 revisionHistoryLimit=6 selector=1 template=2 updateStrategy=3",
    "DaemonSetStatus": (
        "collisionCount=9 conditions=10 currentNumberScheduled=1 desiredNumberScheduled=3 numberAvailable=7 "
        "numberMisscheduled=2 numberReady=4 numberUnavailable=8 observedGeneration=5 updatedNumberScheduled=6"
    ),
    "DaemonSetUpdateStrategy": "rollingUpdate=2 type=1",
    "Deployment": "metadata=1 spec=2 status=3",
    "DeploymentCondition": "lastTransitionTime=7 lastUpdateTime=6 message=5 reason=4 status=2 type=1",
    "DeploymentSpec": (
        "minReadySeconds=5 paused=7 progressDeadlineSeconds=9 replicas=1 revisionHistoryLimit=6 selector=2 "
        "strategy=4 template=3"
    ),
    "DeploymentStatus": (
        "availableReplicas=4 collisionCount=8 conditions=6 observedGeneration=1 readyReplicas=7 replicas=2 "
        "terminatingReplicas=9 unavailableReplicas=5 updatedReplicas=3"
    ),
    "DeploymentStrategy": "rollingUpdate=2 type=1",
    "ReplicaSet": "metadata=1 spec=2 status=3",
    "ReplicaSetCondition": "lastTransitionTime=3 message=5 reason=4 status=2 type=1",
    "ReplicaSetSpec": "minReadySeconds=4 replicas=1 selector=2 template=3",
    "ReplicaSetStatus": (
        "availableReplicas=5 conditions=6 fullyLabeledReplicas=2 observedGeneration=3 readyReplicas=4 "
        "replicas=1 terminatingReplicas=7"
    ),
    "RollingUpdateDaemonSet": "maxUnavailable=1 maxSurge=2",
    "RollingUpdateDeployment": "maxSurge=2 maxUnavailable=1",
    "RollingUpdateStatefulSetStrategy": "partition=1 maxUnavailable=2",
    "StatefulSet": "metadata=1 spec=2 status=3",
    "StatefulSetCondition": "lastTransitionTime=3 message=5 reason=4 status=2 type=1",
    "StatefulSetOrdinals": "start=1",
    "StatefulSetPersistentVolumeClaimRetentionPolicy": "whenDeleted=1 whenScaled=2",
    "StatefulSetSpec": (
        "podManagementPolicy=6 replicas=1 revisionHistoryLimit=8 selector=2 serviceName=5 template=3 "
        "updateStrategy=7 volumeClaimTemplates=4 minReadySeconds=9 persistentVolumeClaimRetentionPolicy=10 "
        "ordinals=11"
    ),
    "StatefulSetStatus": (
        "collisionCount=9 conditions=10 currentReplicas=4 currentRevision=6 observedGeneration=1 "
        "readyReplicas=3 replicas=2 updateRevision=7 updatedReplicas=5 availableReplicas=11"
    ),
    "StatefulSetUpdateStrategy": "rollingUpdate=2 type=1",
}
