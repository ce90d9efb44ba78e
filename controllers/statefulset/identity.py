"""What makes a pod that of one ordinal: its name, labels, host name and claims. Pure.

Source: Kubernetes' documentation, StatefulSets, Pod Identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from api.types import (
    ObjectMeta,
    PersistentVolumeClaim,
    PersistentVolumeClaimVolumeSource,
    Pod,
    PodTemplateSpec,
    StatefulSet,
    Volume,
)
from controllers.ownership import controller_reference
from controllers.revisions.snapshot import REVISION_LABEL

POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"

# Upstream reads the ordinal as an int32.
_ORDINAL = re.compile(r"(.*)-([0-9]{1,10})", re.DOTALL)
_MAX_ORDINAL = 2**31 - 1


def ordinal_of(stateful_set: StatefulSet, pod: Pod) -> int | None:
    """The ordinal in the pod's name; None when the set does not name its pods so."""
    found = _ORDINAL.fullmatch(pod.metadata.name)
    if found is None or found[1] != stateful_set.metadata.name or int(found[2]) > _MAX_ORDINAL:
        return None
    ordinal = int(found[2])
    return ordinal if pod.metadata.name == pod_name(stateful_set, ordinal) else None


def ordinals(stateful_set: StatefulSet) -> range:
    """Those the set should have pods of."""
    start = stateful_set.spec.ordinals.start if stateful_set.spec.ordinals else 0
    return range(start, start + desired_replicas(stateful_set))


def desired_replicas(stateful_set: StatefulSet) -> int:
    return 1 if stateful_set.spec.replicas is None else stateful_set.spec.replicas


def pod_name(stateful_set: StatefulSet, ordinal: int) -> str:
    return f"{stateful_set.metadata.name}-{ordinal}"


def claim_name(stateful_set: StatefulSet, template: PersistentVolumeClaim, ordinal: int) -> str:
    return f"{template.metadata.name}-{stateful_set.metadata.name}-{ordinal}"


def revision_of(pod: Pod) -> str:
    """The name of the revision the pod was made from."""
    return pod.metadata.labels.get(REVISION_LABEL, "")


def new_pod(stateful_set: StatefulSet, template: PodTemplateSpec, revision: str, ordinal: int) -> Pod:
    """The pod of an ordinal, made from a revision's template."""
    name = pod_name(stateful_set, ordinal)
    labels = {**template.metadata.labels, **_identity_labels(name, ordinal), REVISION_LABEL: revision}
    spec = replace(
        template.spec,
        hostname=name,
        subdomain=stateful_set.spec.service_name,
        volumes=_volumes(stateful_set, template.spec.volumes, ordinal),
    )
    metadata = ObjectMeta(
        name=name,
        namespace=stateful_set.metadata.namespace,
        labels=labels,
        annotations=template.metadata.annotations,
        finalizers=template.metadata.finalizers,
        owner_references=[controller_reference(stateful_set)],
    )
    return Pod(metadata=metadata, spec=spec)


def missing_labels(pod: Pod, ordinal: int) -> Mapping[str, str]:
    """What an adopted pod lacks of its identity."""
    wanted = _identity_labels(pod.metadata.name, ordinal)
    return {key: value for key, value in wanted.items() if pod.metadata.labels.get(key) != value}


def claims(stateful_set: StatefulSet, ordinal: int) -> list[PersistentVolumeClaim]:
    """The claims that the pod of an ordinal mounts, as they are to be created."""
    selector = stateful_set.spec.selector
    selected = selector.match_labels if selector is not None else {}
    return [
        PersistentVolumeClaim(
            metadata=ObjectMeta(
                name=claim_name(stateful_set, template, ordinal),
                namespace=stateful_set.metadata.namespace,
                labels={**template.metadata.labels, **selected},
                annotations=template.metadata.annotations,
                finalizers=template.metadata.finalizers,
            ),
            spec=template.spec,
        )
        for template in stateful_set.spec.volume_claim_templates
    ]


def _identity_labels(name: str, ordinal: int) -> dict[str, str]:
    return {POD_NAME_LABEL: name, POD_INDEX_LABEL: str(ordinal)}


def _volumes(stateful_set: StatefulSet, volumes: Sequence[Volume], ordinal: int) -> list[Volume]:
    """The template's volumes; those that a claim template names are replaced by the ordinal's claim."""
    templates = stateful_set.spec.volume_claim_templates
    claimed = [
        Volume(
            name=template.metadata.name,
            persistent_volume_claim=PersistentVolumeClaimVolumeSource(
                claim_name=claim_name(stateful_set, template, ordinal)
            ),
        )
        for template in templates
    ]
    names = {volume.name for volume in claimed}
    return claimed + [volume for volume in volumes if volume.name not in names]
