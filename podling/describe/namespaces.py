"""Namespaces."""

from api.types import Namespace
from podling.describe.common import annotations, labels, moment
from podling.describe.page import Page


def describe_namespace(namespace: Namespace) -> str:
    """A namespace, and while it goes away what holds it up."""
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
    page.line("No resource quota.")
    page.line()
    page.line("No LimitRange resource.")
    return page.show()
