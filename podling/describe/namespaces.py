"""Namespaces."""

from collections.abc import Sequence

from api.types import LimitRange, Namespace, ResourceQuota
from podling.describe.common import annotations, labels, moment
from podling.describe.page import Page
from podling.describe.policy import limits_of, quotas_of


def describe_namespace(
    namespace: Namespace, quotas: Sequence[ResourceQuota], limit_ranges: Sequence[LimitRange]
) -> str:
    """A namespace, its share and its bounds, and while it goes away what holds it up."""
    page = Page()
    page.field("Name", namespace.metadata.name)
    labels(page, "Labels", namespace.metadata.labels)
    annotations(page, namespace.metadata.annotations)
    page.field("Status", namespace.status.phase)
    if namespace.status.conditions:
        page.line("Conditions:")
        page.table(
            ("Type", "Status", "LastTransitionTime", "Reason", "Message"),
            [
                (item.type, item.status, moment(item.last_transition_time), item.reason, item.message)
                for item in namespace.status.conditions
            ],
        )
    page.line()
    quotas_of(page, quotas)
    page.line()
    limits_of(page, limit_ranges)
    return page.show()
