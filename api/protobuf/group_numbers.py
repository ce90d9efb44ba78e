"""Field numbers of all other messages.

Source: the generated.proto files of Kubernetes 1.36. `a=2.4` is field 4 of the message in field 2, which has no
name in JSON.
"""

NUMBERS: dict[str, dict[str, str]] = {
    "apps/v1": {
        "Deployment": "metadata=1 spec=2 status=3",
        "DeploymentCondition": "type=1 status=2 reason=4 message=5 lastUpdateTime=6 lastTransitionTime=7",
        "DeploymentSpec": (
            "replicas=1 selector=2 template=3 strategy=4 minReadySeconds=5 revisionHistoryLimit=6 paused=7 "
            "progressDeadlineSeconds=9"
        ),
        "DeploymentStatus": (
            "observedGeneration=1 replicas=2 updatedReplicas=3 availableReplicas=4 unavailableReplicas=5 "
            "conditions=6 readyReplicas=7 collisionCount=8 terminatingReplicas=9"
        ),
        "DeploymentStrategy": "type=1 rollingUpdate=2",
        "ReplicaSet": "metadata=1 spec=2 status=3",
        "ReplicaSetCondition": "type=1 status=2 lastTransitionTime=3 reason=4 message=5",
        "ReplicaSetSpec": "replicas=1 selector=2 template=3 minReadySeconds=4",
        "ReplicaSetStatus": (
            "replicas=1 fullyLabeledReplicas=2 observedGeneration=3 readyReplicas=4 availableReplicas=5 "
            "conditions=6 terminatingReplicas=7"
        ),
        "RollingUpdateDeployment": "maxUnavailable=1 maxSurge=2",
    },
    "authentication/v1": {
        "BoundObjectReference": "kind=1 apiVersion=2 name=3 uid=4",
        "SelfSubjectReview": "metadata=1 status=2",
        "SelfSubjectReviewStatus": "userInfo=1",
        "TokenRequest": "metadata=1 spec=2 status=3",
        "TokenRequestSpec": "audiences=1 boundObjectRef=3 expirationSeconds=4",
        "TokenRequestStatus": "token=1 expirationTimestamp=2",
        "TokenReview": "metadata=1 spec=2 status=3",
        "TokenReviewSpec": "token=1 audiences=2",
        "TokenReviewStatus": "authenticated=1 user=2 error=3 audiences=4",
        "UserInfo": "username=1 uid=2 groups=3 extra=4",
    },
    "authorization/v1": {
        "FieldSelectorAttributes": "rawSelector=1 requirements=2",
        "LabelSelectorAttributes": "rawSelector=1 requirements=2",
        "LocalSubjectAccessReview": "metadata=1 spec=2 status=3",
        "NonResourceAttributes": "path=1 verb=2",
        "NonResourceRule": "verbs=1 nonResourceURLs=2",
        "ResourceAttributes": (
            "namespace=1 verb=2 group=3 version=4 resource=5 subresource=6 name=7 fieldSelector=8 labelSelector=9"
        ),
        "ResourceRule": "verbs=1 apiGroups=2 resources=3 resourceNames=4",
        "SelfSubjectAccessReview": "metadata=1 spec=2 status=3",
        "SelfSubjectAccessReviewSpec": "resourceAttributes=1 nonResourceAttributes=2",
        "SelfSubjectRulesReview": "metadata=1 spec=2 status=3",
        "SelfSubjectRulesReviewSpec": "namespace=1",
        "SubjectAccessReview": "metadata=1 spec=2 status=3",
        "SubjectAccessReviewSpec": "resourceAttributes=1 nonResourceAttributes=2 user=3 groups=4 extra=5 uid=6",
        "SubjectAccessReviewStatus": "allowed=1 reason=2 evaluationError=3 denied=4",
        "SubjectRulesReviewStatus": "resourceRules=1 nonResourceRules=2 incomplete=3 evaluationError=4",
    },
    "autoscaling/v1": {
        "Scale": "metadata=1 spec=2 status=3",
        "ScaleSpec": "replicas=1",
        "ScaleStatus": "replicas=1 selector=2",
    },
    "coordination/v1": {
        "Lease": "metadata=1 spec=2",
        "LeaseSpec": (
            "holderIdentity=1 leaseDurationSeconds=2 acquireTime=3 renewTime=4 leaseTransitions=5 strategy=6 "
            "preferredHolder=7"
        ),
    },
    "discovery/v1": {
        "Endpoint": ("addresses=1 conditions=2 hostname=3 targetRef=4 deprecatedTopology=5 nodeName=6 zone=7 hints=8"),
        "EndpointConditions": "ready=1 serving=2 terminating=3",
        "EndpointHints": "forZones=1 forNodes=2",
        "EndpointPort": "name=1 protocol=2 port=3 appProtocol=4",
        "EndpointSlice": "metadata=1 endpoints=2 ports=3 addressType=4",
        "ForNode": "name=1",
        "ForZone": "name=1",
    },
    "events/v1": {
        "Event": (
            "metadata=1 eventTime=2 series=3 reportingController=4 reportingInstance=5 action=6 reason=7 "
            "regarding=8 related=9 note=10 type=11 deprecatedSource=12 deprecatedFirstTimestamp=13 "
            "deprecatedLastTimestamp=14 deprecatedCount=15"
        ),
        "EventSeries": "count=1 lastObservedTime=2",
    },
    "meta/v1": {
        "Condition": "type=1 status=2 observedGeneration=3 lastTransitionTime=4 reason=5 message=6",
        "DeleteOptions": (
            "gracePeriodSeconds=1 preconditions=2 orphanDependents=3 propagationPolicy=4 dryRun=5 "
            "ignoreStoreReadErrorWithClusterBreakingPotential=6"
        ),
        "FieldSelectorRequirement": "key=1 operator=2 values=3",
        "LabelSelector": "matchLabels=1 matchExpressions=2",
        "LabelSelectorRequirement": "key=1 operator=2 values=3",
        "ListMeta": "selfLink=1 resourceVersion=2 continue=3 remainingItemCount=4",
        "ManagedFieldsEntry": "manager=1 operation=2 apiVersion=3 time=4 fieldsType=6 fieldsV1=7 subresource=8",
        "ObjectMeta": (
            "name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7 "
            "creationTimestamp=8 deletionTimestamp=9 deletionGracePeriodSeconds=10 labels=11 annotations=12 "
            "ownerReferences=13 finalizers=14 managedFields=17"
        ),
        "OwnerReference": "kind=1 name=3 uid=4 apiVersion=5 controller=6 blockOwnerDeletion=7",
        "Preconditions": "uid=1 resourceVersion=2",
        "Status": "metadata=1 status=2 message=3 reason=4 details=5 code=6",
        "StatusCause": "reason=1 message=2 field=3",
        "StatusDetails": "name=1 group=2 kind=3 causes=4 retryAfterSeconds=5 uid=6",
        "WatchEvent": "type=1 object=2",
    },
    "policy/v1": {
        "Eviction": "metadata=1 deleteOptions=2",
    },
    "rbac/v1": {
        "AggregationRule": "clusterRoleSelectors=1",
        "ClusterRole": "metadata=1 rules=2 aggregationRule=3",
        "ClusterRoleBinding": "metadata=1 subjects=2 roleRef=3",
        "PolicyRule": "verbs=1 apiGroups=2 resources=3 resourceNames=4 nonResourceURLs=5",
        "Role": "metadata=1 rules=2",
        "RoleBinding": "metadata=1 subjects=2 roleRef=3",
        "RoleRef": "apiGroup=1 kind=2 name=3",
        "Subject": "kind=1 apiGroup=2 name=3 namespace=4",
    },
}
