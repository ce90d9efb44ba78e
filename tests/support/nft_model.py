"""A model of nftables that understands what kube-proxy writes, and refuses what the kernel would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ADD_RULE = re.compile(r"add rule ip (\S+) (\S+) (.*)")
_ELEMENTS = re.compile(r"(add|delete) element ip (\S+) (\S+) \{ (.*) \}")
_SIMPLE = re.compile(r"(add|flush|delete) (chain|set|table) ip (\S+)(?: (\S+))?(?: \{.*\})?")
_TARGET = re.compile(r"(?:goto|jump) (\S+)")
_SET = re.compile(r"@(\S+)")


class Refused(AssertionError):
    """The kernel would not take this."""


@dataclass
class Table:
    chains: dict[str, list[str]] = field(default_factory=dict)
    sets: set[str] = field(default_factory=set)
    elements: dict[str, dict[str, str]] = field(default_factory=dict)


class NftModel:
    """Tables by name; `run` carries out a transaction or raises Refused, then with nothing changed."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.transactions: list[str] = []

    def run(self, text: str) -> str:
        if text.startswith("list"):
            return ""
        before = self._copy()
        try:
            self._carry_out(text)
            for table in self.tables.values():
                _check(table)
        except Refused:
            self.tables = before
            raise
        self.transactions.append(text)
        return ""

    def _copy(self) -> dict[str, Table]:
        return {
            name: Table(
                {chain: list(rules) for chain, rules in table.chains.items()},
                set(table.sets),
                {container: dict(elements) for container, elements in table.elements.items()},
            )
            for name, table in self.tables.items()
        }

    def _carry_out(self, text: str) -> None:
        lines = iter(text.splitlines())
        for line in lines:
            if line.startswith("table ip "):
                self._block(line.split()[2], lines)
            elif match := _ADD_RULE.fullmatch(line):
                self._chain(match[1], match[2]).append(match[3])
            elif match := _ELEMENTS.fullmatch(line):
                self._change_elements(match[1], match[2], match[3], match[4])
            elif match := _SIMPLE.fullmatch(line):
                self._simple(*match.groups())
            else:
                raise Refused(f"cannot read {line!r}")

    def _block(self, name: str, lines: object) -> None:
        """The fixed part of a table, as `kubeproxy.base_table` writes it."""
        table = self.tables[name] = Table()
        chain = ""
        for line in lines:  # type: ignore[attr-defined]
            words = line.split()
            if words[0] in ("map", "set"):
                table.elements[words[1]] = {}
            elif words[0] == "chain":
                chain = words[1]
                table.chains[chain] = []
            elif words == ["}"]:
                if not chain:
                    return
                chain = ""
            elif not line.startswith("type "):
                table.chains[chain].append(line)

    def _table(self, name: str) -> Table:
        if name not in self.tables:
            raise Refused(f"no table {name}")
        return self.tables[name]

    def _chain(self, table: str, name: str) -> list[str]:
        chains = self._table(table).chains
        if name not in chains:
            raise Refused(f"no chain {name}")
        return chains[name]

    def _simple(self, verb: str, kind: str, table: str, name: str | None) -> None:
        if kind == "table":
            if verb == "add":
                self.tables.setdefault(table, Table())
            else:
                self._table(table)
                del self.tables[table]
        elif kind == "chain":
            assert name is not None
            self._simple_chain(verb, table, name)
        elif verb == "add":
            assert name is not None
            self._table(table).sets.add(name)
        else:
            if name not in self._table(table).sets:
                raise Refused(f"no set {name}")
            self._table(table).sets.discard(name)
            self._table(table).elements.pop(name, None)

    def _simple_chain(self, verb: str, table: str, name: str) -> None:
        if verb == "add":
            self._table(table).chains.setdefault(name, [])
        elif verb == "flush":
            self._chain(table, name).clear()
        else:
            if self._chain(table, name):
                raise Refused(f"chain {name} is not empty")
            del self._table(table).chains[name]

    def _change_elements(self, verb: str, table_name: str, container: str, text: str) -> None:
        table = self._table(table_name)
        if container not in table.elements and container not in table.sets:
            raise Refused(f"no set {container}")
        elements = table.elements.setdefault(container, {})
        for part in text.split(", "):
            key, _, value = part.partition(" : ")
            if verb == "delete":
                if key not in elements:
                    raise Refused(f"no element {key} in {container}")
                del elements[key]
            else:
                if elements.get(key, value) != value:
                    raise Refused(f"element {key} of {container} is there with another value")
                elements[key] = value


def _check(table: Table) -> None:
    """Everything referred to is there."""
    texts = [rule for rules in table.chains.values() for rule in rules]
    texts += [value for elements in table.elements.values() for value in elements.values()]
    for text in texts:
        for target in _TARGET.findall(text):
            if target.rstrip(",") not in table.chains:
                raise Refused(f"no chain {target} for {text!r}")
        for name in _SET.findall(text):
            if name not in table.elements and name not in table.sets:
                raise Refused(f"no set {name} for {text!r}")
