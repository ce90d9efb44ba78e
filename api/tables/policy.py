"""How quotas, budgets, priority classes and runtime classes are shown."""

from api.tables.layout import AGE, NAME, Column, Layout
from api.tables.text import age
from api.types import ResourceQuota


def _shares(quota: ResourceQuota, *, limits: bool) -> str:
    """What is used of what may be: "cpu: 1/2, pods: 3/10"; limits and all else stand in columns of their own."""
    hard, used = quota.status.hard, quota.status.used
    names = sorted(name for name in hard if name.startswith("limits.") == limits)
    return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)


RESOURCE_QUOTAS = Layout(
    columns=(
        NAME,
        Column("Request", "What is used and may be used, limits left out."),
        Column("Limit", "The sum of limits there is and may be."),
        AGE,
    ),
    cells=lambda quota, now: [
        quota.metadata.name,
        _shares(quota, limits=False),
        _shares(quota, limits=True),
        age(quota.metadata, now),
    ],
)


def _bound(value: int | str | None) -> str:
    return "N/A" if value is None else str(value)


POD_DISRUPTION_BUDGETS = Layout(
    columns=(
        NAME,
        Column("Min Available", "How many pods must stay."),
        Column("Max Unavailable", "How many pods may be missing."),
        Column("Allowed Disruptions", "How many more pods may be disrupted now.", type="integer"),
        AGE,
    ),
    cells=lambda budget, now: [
        budget.metadata.name,
        _bound(budget.spec.min_available),
        _bound(budget.spec.max_unavailable),
        budget.status.disruptions_allowed,
        age(budget.metadata, now),
    ],
)

PRIORITY_CLASSES = Layout(
    columns=(
        NAME,
        Column("Value", "The priority of pods of this class.", type="integer"),
        Column("Global-Default", "Whether pods that name no class are of this one.", type="boolean"),
        AGE,
        Column("PreemptionPolicy", "Whether pods of this class push out others."),
    ),
    cells=lambda priority_class, now: [
        priority_class.metadata.name,
        priority_class.value,
        priority_class.global_default,
        age(priority_class.metadata, now),
        priority_class.preemption_policy or "",
    ],
)

RUNTIME_CLASSES = Layout(
    columns=(NAME, Column("Handler", "What the node runs such pods with."), AGE),
    cells=lambda runtime_class, now: [
        runtime_class.metadata.name,
        runtime_class.handler,
        age(runtime_class.metadata, now),
    ],
)
