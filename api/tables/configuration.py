"""How namespaces, configuration, accounts and leases are shown."""

from api.tables.layout import AGE, NAME, Column, Layout
from api.tables.text import age

NAMESPACES = Layout(
    columns=(NAME, Column("Status", "Whether the namespace is in use or going away."), AGE),
    cells=lambda namespace, now: [namespace.metadata.name, namespace.status.phase, age(namespace.metadata, now)],
)

CONFIG_MAPS = Layout(
    columns=(NAME, Column("Data", "How many entries there are."), AGE),
    cells=lambda config_map, now: [
        config_map.metadata.name,
        len(config_map.data) + len(config_map.binary_data),
        age(config_map.metadata, now),
    ],
)

SECRETS = Layout(
    columns=(
        NAME,
        Column("Type", "What the secret is for."),
        Column("Data", "How many entries there are."),
        AGE,
    ),
    cells=lambda secret, now: [secret.metadata.name, secret.type, len(secret.data), age(secret.metadata, now)],
)

SERVICE_ACCOUNTS = Layout(
    columns=(NAME, AGE),
    cells=lambda account, now: [account.metadata.name, age(account.metadata, now)],
)

LEASES = Layout(
    columns=(NAME, Column("Holder", "Who holds the lease."), AGE),
    cells=lambda lease, now: [lease.metadata.name, lease.spec.holder_identity or "", age(lease.metadata, now)],
)
