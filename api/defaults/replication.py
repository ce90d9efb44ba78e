"""Defaults of ReplicationControllers (upstream `SetDefaults_ReplicationController`)."""

from __future__ import annotations

from msgspec.structs import replace

from api.defaults.fill import fill, put, within
from api.defaults.workloads import pod_template
from api.types import ReplicationController, ReplicationControllerSpec


def replication_controller(controller: ReplicationController) -> ReplicationController:
    """Labels and selector that are not given are those of the template."""
    spec = within(controller.spec, template=pod_template)
    labels = {} if spec.template is None else spec.template.metadata.labels
    if labels and not spec.selector:
        spec = put(spec, selector=dict(labels))
    controller = put(controller, spec=_filled(spec))
    if labels and not controller.metadata.labels:
        controller = replace(controller, metadata=replace(controller.metadata, labels=dict(labels)))
    return controller


def _filled(spec: ReplicationControllerSpec) -> ReplicationControllerSpec:
    return fill(spec, replicas=1)
