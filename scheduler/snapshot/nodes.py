"""Nodes as NumPy columns.

A node owns a slot (a column index) for as long as it exists or pods are bound to it; slots are reused. Every array a
plugin sees or returns has one element per slot; `present` says which slots are nodes that exist.
Label and taint columns are built when first asked for and dropped when a node's labels or taints change: what a
plugin reads often (heartbeats change neither) costs nothing to keep, and vanished values leave no trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from api.types import Node, Taint
from scheduler.resources import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, amounts
from scheduler.snapshot.images import Images

Mask: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]

INITIAL_SLOTS = 64
HOSTNAME_LABEL = "kubernetes.io/hostname"
NAME_FIELD = "metadata.name"


@dataclass(frozen=True)
class LabelColumn:
    """One label over all slots: `codes[slot]` indexes `values`, or is -1 where the label is absent."""

    codes: Codes
    values: list[str]

    def code(self, value: str) -> int:
        """The code of a value; -2, which no slot has, when no node carries it."""
        return self._code_of.get(value, -2)

    @cached_property
    def _code_of(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.values)}


class NodeTable:
    """The nodes: allocatable and requested amounts, labels, taints. Units: milli-cores, else whole units."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}
        self._free: list[int] = list(range(INITIAL_SLOTS - 1, -1, -1))
        self._pods_on_slot: list[int] = [0] * INITIAL_SLOTS
        self.records: list[Node | None] = [None] * INITIAL_SLOTS
        self.present: Mask = np.zeros(INITIAL_SLOTS, dtype=np.bool_)
        self.unschedulable: Mask = np.zeros(INITIAL_SLOTS, dtype=np.bool_)
        # Raised with every change of what a slot has or holds: what was worked out of an older one no longer holds.
        self.version: Counts = np.zeros(INITIAL_SLOTS, dtype=np.int64)
        self._rows: dict[str, int] = {CPU: 0, MEMORY: 1, EPHEMERAL_STORAGE: 2, PODS: 3}
        self._allocatable: Counts = np.zeros((4, INITIAL_SLOTS), dtype=np.int64)
        self._requested: Counts = np.zeros((4, INITIAL_SLOTS), dtype=np.int64)
        self._scoring: Counts = np.zeros((2, INITIAL_SLOTS), dtype=np.int64)
        self.images = Images()
        self._label_columns: dict[str, LabelColumn] = {}
        self._taint_column: tuple[Codes, list[tuple[Taint, ...]]] | None = None

    @property
    def slots(self) -> int:
        """The length of every column."""
        return len(self.records)

    @property
    def count(self) -> int:
        """How many nodes exist."""
        return int(np.count_nonzero(self.present))

    def name(self, slot: int) -> str:
        """The name of the node in a slot. Raises KeyError when the slot holds no node."""
        record = self.records[slot]
        if record is None:
            raise KeyError(slot)
        return record.metadata.name

    def slot(self, name: str) -> int | None:
        """The slot of an existing node."""
        slot = self._slots.get(name)
        return slot if slot is not None and self.present[slot] else None

    def record(self, name: str) -> Node | None:
        """The node as last seen."""
        slot = self._slots.get(name)
        return None if slot is None else self.records[slot]

    def put(self, node: Node) -> None:
        """Add or replace a node."""
        slot = self._take_slot(node.metadata.name)
        old = self.records[slot]
        self.records[slot] = node
        self.present[slot] = True
        self.unschedulable[slot] = node.spec.unschedulable
        if old is None or old.status.allocatable != node.status.allocatable:
            self._put_allocatable(slot, amounts(node.status.allocatable))
            self.version[slot] += 1
        self.images.put(slot, node.status.images)
        if old is None or old.metadata.labels != node.metadata.labels:
            self._label_columns.clear()
        if old is None or old.spec.taints != node.spec.taints:
            self._taint_column = None

    def remove(self, name: str) -> None:
        """Forget a node; pods bound to it stay counted for as long as they exist."""
        slot = self._slots.get(name)
        if slot is None or self.records[slot] is None:
            return
        self.records[slot] = None
        self.present[slot] = False
        self.images.put(slot, ())
        self._allocatable[:, slot] = 0
        self.version[slot] += 1
        self._label_columns.clear()
        self._taint_column = None
        self._release_slot(name, slot)

    def occupy(self, name: str, requests: Mapping[str, int], scoring_cpu: int, scoring_memory: int) -> int:
        """Count a pod against the node of this name, existing or not; returns its slot."""
        slot = self._take_slot(name)
        self._pods_on_slot[slot] += 1
        self._count(slot, requests, scoring_cpu, scoring_memory, 1)
        return slot

    def vacate(self, name: str, requests: Mapping[str, int], scoring_cpu: int, scoring_memory: int) -> None:
        """Undo `occupy`."""
        slot = self._slots[name]
        self._pods_on_slot[slot] -= 1
        self._count(slot, requests, scoring_cpu, scoring_memory, -1)
        self._release_slot(name, slot)

    def allocatable(self, resource: str) -> Counts:
        """What each node has of a resource; zero where it has none."""
        row = self._rows.get(resource)
        return np.zeros(self.slots, dtype=np.int64) if row is None else self._allocatable[row]

    def requested(self, resource: str) -> Counts:
        """What the pods on each node ask for."""
        row = self._rows.get(resource)
        return np.zeros(self.slots, dtype=np.int64) if row is None else self._requested[row]

    @property
    def scoring_cpu(self) -> Counts:
        """Milli-cores in use on each node, for scoring: pods that ask for none count as 100."""
        used: Counts = self._scoring[0]
        return used

    @property
    def scoring_memory(self) -> Counts:
        """Bytes in use on each node, for scoring: pods that ask for none count as 200 MB."""
        used: Counts = self._scoring[1]
        return used

    def label(self, key: str) -> LabelColumn:
        """A label's column."""
        column = self._label_columns.get(key)
        if column is None:
            column = self._label_columns[key] = self._build_label_column(key)
        return column

    def taints(self) -> tuple[Codes, list[tuple[Taint, ...]]]:
        """Per slot an index into the distinct taint lists of nodes; 0, the empty list, where there is no node."""
        if self._taint_column is None:
            self._taint_column = self._build_taint_column()
        return self._taint_column

    def _build_label_column(self, key: str) -> LabelColumn:
        codes = np.full(self.slots, -1, dtype=np.int32)
        values: dict[str, int] = {}
        for slot, record in enumerate(self.records):
            value = None if record is None else record.metadata.labels.get(key)
            if value is not None:
                codes[slot] = values.setdefault(value, len(values))
        return LabelColumn(codes, list(values))

    def _build_taint_column(self) -> tuple[Codes, list[tuple[Taint, ...]]]:
        codes = np.zeros(self.slots, dtype=np.int32)
        distinct: list[tuple[Taint, ...]] = [()]
        for slot, record in enumerate(self.records):
            if record is None or not record.spec.taints:
                continue
            taints = tuple(record.spec.taints)
            if taints not in distinct:
                distinct.append(taints)
            codes[slot] = distinct.index(taints)
        return codes, distinct

    def _put_allocatable(self, slot: int, allocatable: Mapping[str, int]) -> None:
        self._allocatable[:, slot] = 0
        for resource, value in allocatable.items():
            row = self._row(resource)
            self._allocatable[row, slot] = value

    def _count(self, slot: int, requests: Mapping[str, int], cpu: int, memory: int, sign: int) -> None:
        for resource, value in requests.items():
            row = self._row(resource)
            self._requested[row, slot] += sign * value
        self._requested[self._rows[PODS], slot] += sign
        self.version[slot] += 1
        self._scoring[0, slot] += sign * cpu
        self._scoring[1, slot] += sign * memory

    def _row(self, resource: str) -> int:
        row = self._rows.get(resource)
        if row is None:
            row = self._rows[resource] = len(self._rows)
            extra = np.zeros((1, self.slots), dtype=np.int64)
            self._allocatable = np.vstack((self._allocatable, extra))
            self._requested = np.vstack((self._requested, extra))
        return row

    def _take_slot(self, name: str) -> int:
        slot = self._slots.get(name)
        if slot is None:
            if not self._free:
                self._grow()
            slot = self._slots[name] = self._free.pop()
        return slot

    def _release_slot(self, name: str, slot: int) -> None:
        if self.records[slot] is None and self._pods_on_slot[slot] == 0:
            del self._slots[name]
            self._free.append(slot)

    def _grow(self) -> None:
        old = self.slots
        self._free = list(range(2 * old - 1, old - 1, -1))
        self.records.extend([None] * old)
        self._pods_on_slot.extend([0] * old)
        self.present = np.pad(self.present, (0, old))
        self.unschedulable = np.pad(self.unschedulable, (0, old))
        self.version = np.pad(self.version, (0, old))
        self._allocatable = np.pad(self._allocatable, ((0, 0), (0, old)))
        self._requested = np.pad(self._requested, ((0, 0), (0, old)))
        self._scoring = np.pad(self._scoring, ((0, 0), (0, old)))
        self._label_columns.clear()
        self._taint_column = None
