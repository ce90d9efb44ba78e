"""How network policies are shown."""

from api.tables.layout import AGE, NAME, Cell, Column, Layout
from api.tables.text import age, or_none, selector
from api.types import NetworkPolicy


def _cells(policy: NetworkPolicy, now: float) -> list[Cell]:
    return [policy.metadata.name, or_none(selector(policy.spec.pod_selector)), age(policy.metadata, now)]


NETWORK_POLICIES = Layout(
    columns=(NAME, Column("Pod-Selector", "The pods whose traffic the policy is about."), AGE), cells=_cells
)
