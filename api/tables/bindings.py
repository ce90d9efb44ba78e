"""How role bindings are shown."""

from collections.abc import Iterable

from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import age
from api.types import ClusterRoleBinding, RoleBinding, Subject


def _join(subjects: Iterable[Subject], kind: str) -> str:
    return ", ".join(
        f"{subject.namespace}/{subject.name}" if kind == "ServiceAccount" else subject.name
        for subject in subjects
        if subject.kind == kind
    )


def _cells(binding: RoleBinding | ClusterRoleBinding, now: float) -> list[Cell]:
    return [
        binding.metadata.name,
        f"{binding.role_ref.kind}/{binding.role_ref.name}",
        age(binding.metadata, now),
        *(_join(binding.subjects, kind) for kind in ("User", "Group", "ServiceAccount")),
    ]


ROLE_BINDINGS = Layout(
    columns=(
        NAME,
        Column("Role", "The role that is granted."),
        AGE,
        wide("Users", "The users that have the role."),
        wide("Groups", "The groups that have the role."),
        wide("ServiceAccounts", "The service accounts that have the role."),
    ),
    cells=_cells,
)
