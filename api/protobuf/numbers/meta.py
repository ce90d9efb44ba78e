"""Field numbers of meta/v1."""

from __future__ import annotations

PACKAGE = "meta/v1"

MESSAGES: dict[str, str] = {
    "Condition": "lastTransitionTime=4 message=6 observedGeneration=3 reason=5 status=2 type=1",
    "DeleteOptions": (
        "dryRun=5 gracePeriodSeconds=1 ignoreStoreReadErrorWithClusterBreakingPotential=6 orphanDependents=3 "
        "preconditions=2 propagationPolicy=4"
    ),
    "FieldSelectorRequirement": "key=1 operator=2 values=3",
    "LabelSelector": "matchExpressions=2 matchLabels=1",
    "LabelSelectorRequirement": "key=1 operator=2 values=3",
    "ListMeta": "continue=3 remainingItemCount=4 resourceVersion=2 selfLink=1",
    "ManagedFieldsEntry": "apiVersion=3 fieldsType=6 fieldsV1=7 manager=1 operation=2 subresource=8 time=4",
    "ObjectMeta": (
        "resourceVersion=6 name=1 generateName=2 namespace=3 uid=5 generation=7 creationTimestamp=8 "
        "deletionTimestamp=9 deletionGracePeriodSeconds=10 labels=11 annotations=12 ownerReferences=13 "
        "finalizers=14 managedFields=17 selfLink=4"
    ),
    "OwnerReference": "name=3 apiVersion=5 blockOwnerDeletion=7 controller=6 kind=1 uid=4",
    "Preconditions": "resourceVersion=2 uid=1",
    "Status": "metadata=1 code=6 details=5 message=3 reason=4 status=2",
    "StatusCause": "field=3 message=2 reason=1",
    "StatusDetails": "name=1 causes=4 group=2 kind=3 retryAfterSeconds=5 uid=6",
    "WatchEvent": "object=2 type=1",
}
