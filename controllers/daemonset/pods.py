"""A DaemonSet's pods as they are created. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from api.types import DaemonSet, ObjectMeta, Pod
from controllers.daemonset.fit import pinned, tolerations
from controllers.ownership import controller_reference
from controllers.revisions.snapshot import REVISION_LABEL

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
TEMPLATE_GENERATION_LABEL = "pod-template-generation"


def new_pod(daemon_set: DaemonSet, node_name: str, revision: str) -> Pod:
    """The pod for a node, to be named by the API server and bound by the scheduler, which it leaves no choice."""
    template = daemon_set.spec.template
    labels = {**template.metadata.labels, REVISION_LABEL: revision}
    generation = daemon_set.metadata.annotations.get(TEMPLATE_GENERATION)
    if generation is not None:
        labels[TEMPLATE_GENERATION_LABEL] = generation
    return Pod(
        metadata=ObjectMeta(
            generate_name=f"{daemon_set.metadata.name}-",
            namespace=daemon_set.metadata.namespace,
            labels=labels,
            annotations=template.metadata.annotations,
            finalizers=template.metadata.finalizers,
            owner_references=[controller_reference(daemon_set)],
        ),
        spec=replace(
            template.spec,
            affinity=pinned(template.spec.affinity, node_name),
            tolerations=tolerations(template.spec),
        ),
    )
