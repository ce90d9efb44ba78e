"""Stateful sets and daemon sets."""

from collections.abc import Iterable

from api.tables.text import selector
from api.types import DaemonSet, Event, PersistentVolumeClaim, Pod, StatefulSet
from podling.describe.common import NONE, annotations, controller, events, head, labels, moment
from podling.describe.page import Page
from podling.describe.pods import describe_template
from podling.describe.workloads import phases


def describe_stateful_set(stateful_set: StatefulSet, pods: Iterable[Pod], found: Iterable[Event], now: float) -> str:
    """A stateful set with the phases of its pods, its template, its claims' templates and events."""
    metadata, spec, page = stateful_set.metadata, stateful_set.spec, Page()
    head(page, metadata)
    page.field("CreationTimestamp", moment(metadata.creation_timestamp))
    page.field("Selector", selector(spec.selector))
    labels(page, "Labels", metadata.labels)
    annotations(page, metadata.annotations)
    owner = controller(metadata)
    if owner:
        page.field("Controlled By", owner)
    page.field("Replicas", f"{spec.replicas or 0} desired | {stateful_set.status.replicas} total")
    page.field("Update Strategy", spec.update_strategy.type)
    rolling = spec.update_strategy.rolling_update
    if rolling is not None:
        if rolling.partition is not None:
            page.field("Partition", rolling.partition, level=1)
        if rolling.max_unavailable is not None:
            page.field("MaxUnavailable", rolling.max_unavailable, level=1)
    page.field("Pods Status", phases(metadata.uid, pods))
    describe_template(page, spec.template)
    _describe_claims(page, spec.volume_claim_templates)
    events(page, found, now)
    return page.show()


def describe_daemon_set(daemon_set: DaemonSet, pods: Iterable[Pod], found: Iterable[Event], now: float) -> str:
    """A daemon set with its counts of nodes, the phases of its pods, its template and events."""
    metadata, spec, status, page = daemon_set.metadata, daemon_set.spec, daemon_set.status, Page()
    page.field("Name", metadata.name)
    page.field("Selector", selector(spec.selector))
    labels(page, "Node-Selector", spec.template.spec.node_selector)
    labels(page, "Labels", metadata.labels)
    annotations(page, metadata.annotations)
    owner = controller(metadata)
    if owner:
        page.field("Controlled By", owner)
    page.line(f"Desired Number of Nodes Scheduled: {status.desired_number_scheduled}")
    page.line(f"Current Number of Nodes Scheduled: {status.current_number_scheduled}")
    page.line(f"Number of Nodes Scheduled with Up-to-date Pods: {status.updated_number_scheduled}")
    page.line(f"Number of Nodes Scheduled with Available Pods: {status.number_available}")
    page.line(f"Number of Nodes Misscheduled: {status.number_misscheduled}")
    page.field("Pods Status", phases(metadata.uid, pods))
    describe_template(page, spec.template)
    events(page, found, now)
    return page.show()


def _describe_claims(page: Page, templates: Iterable[PersistentVolumeClaim]) -> None:
    templates = list(templates)
    if not templates:
        page.field("Volume Claims", NONE)
        return
    page.line("Volume Claims:")
    for template in templates:
        spec = template.spec
        page.field("Name", template.metadata.name, level=1)
        page.field("StorageClass", spec.storage_class_name or "", level=1)
        labels(page, "Labels", template.metadata.labels, level=1)
        labels(page, "Annotations", template.metadata.annotations, level=1)
        page.field("Capacity", spec.resources.requests.get("storage", "<default>"), level=1)
        page.field("Access Modes", f"[{' '.join(spec.access_modes)}]", level=1)
