"""What a table consists of: columns and, for each object, cells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | int | bool


@dataclass(frozen=True, slots=True)
class Column:
    """One column of meta.k8s.io/v1 TableColumnDefinition; priority 1 is shown only in wide output."""

    name: str
    description: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def to_tree(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kind is shown. `cells(record, now)` gives a cell for every column, wide ones included.

    `conditions(record)` gives the row's conditions, such as that a pod has completed.
    """

    columns: tuple[Column, ...]
    cells: Callable[[Any, float], Sequence[Cell | None]]
    conditions: Callable[[Any], list[dict[str, str]]] = lambda record: []


NAME = Column("Name", "The object's name, unique among its kind in its namespace.", format="name")
AGE = Column("Age", "Time since the object was created.")


def wide(name: str, description: str) -> Column:
    """A text column that only wide output shows."""
    return Column(name, description, priority=1)
