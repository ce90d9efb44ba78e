"""Prometheus' text format, with a time on each sample: for figures that are read, not counted, here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Family:
    """One metric: its name, `counter` or `gauge`, and its samples."""

    name: str
    type: str
    help: str
    samples: list[str] = field(default_factory=list)

    def add(self, labels: Mapping[str, str], value: float, time_ms: int | None = None) -> None:
        """Add a sample; the time is left out when it is not known."""
        text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
        shown = f"{{{text}}}" if text else ""
        at = "" if time_ms is None else f" {time_ms}"
        self.samples.append(f"{self.name}{shown} {_number(value)}{at}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


class Page:
    """Families in order of first use."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def family(self, name: str, type: str, help: str) -> Family:
        found = self._families.get(name)
        if found is None:
            found = self._families[name] = Family(name, type, help)
        return found

    def render(self) -> bytes:
        """The page; families without samples are left out."""
        lines: list[str] = []
        for family in self._families.values():
            if family.samples:
                lines.append(f"# HELP {family.name} {family.help}")
                lines.append(f"# TYPE {family.name} {family.type}")
                lines.extend(family.samples)
        return "".join(line + "\n" for line in lines).encode()
