"""What commands print: lines, objects as YAML or JSON, tables."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from api import codec, tables
from api.scheme import Resource
from podling.cli.targets import label
from podling.errors import CommandError

Tree = dict[str, Any]

FORMATS = ("yaml", "json", "name", "wide")
COLUMN_GAP = 3
MIN_COLUMN = 6  # as kubectl: a column and its gap are at least this wide


def say(line: str) -> None:
    """A line on standard output, at once: whoever reads it may be waiting."""
    print(line, flush=True)


def note(line: str) -> None:
    """A remark on standard error, out of the way of those who read the output."""
    print(line, file=sys.stderr, flush=True)


def check_format(output: str) -> None:
    """Raises CommandError for an unknown format."""
    if output and output not in FORMATS and not output.startswith("jsonpath="):
        raise CommandError(f'"{output}" is no output format: use yaml, json, name, wide or jsonpath=TEMPLATE')


def shown(tree: Tree) -> Tree:
    """The object as people see it: without the bookkeeping of field managers."""
    metadata = tree.get("metadata", {})
    if "managedFields" not in metadata:
        return tree
    return {**tree, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}


def as_list(trees: Sequence[Tree]) -> Tree:
    """Objects as one List, as kubectl puts them together."""
    return {"apiVersion": "v1", "items": list(trees), "kind": "List", "metadata": {"resourceVersion": ""}}


def serialize(tree: Tree, output: str) -> str:
    """A tree as `output`, which is yaml, json or a jsonpath; ends with a newline but for jsonpath."""
    if output == "json":
        return json.dumps(tree, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
    if output == "yaml":
        from api import yaml

        return yaml.dump(tree)
    from podling.cli import jsonpath

    try:
        return jsonpath.render(output.removeprefix("jsonpath="), tree)
    except jsonpath.JsonPathError as error:
        raise CommandError(f"{output}: {error}") from None


class TablePrinter:
    """Tables of one or several resources, as `kubectl get` aligns them; rows may be added while watching.

    with_namespace, with_kind: whether rows name the object's namespace, and its type before its name.
    """

    def __init__(
        self, *, wide: bool, with_namespace: bool, with_kind: bool, with_labels: bool, with_header: bool
    ) -> None:
        self._wide = wide
        self._with_namespace = with_namespace
        self._with_kind = with_kind
        self._with_labels = with_labels
        self._with_header = with_header
        self._widths: dict[Resource, list[int]] = {}

    def table(self, resource: Resource, objects: Iterable[bytes]) -> str:
        """The rows of these objects, under a header the first time."""
        records = [codec.decode(resource.record, raw) for raw in objects]
        table = tables.render(resource, records, time.time(), include_object="None")
        columns = table["columnDefinitions"]
        chosen = [index for index, column in enumerate(columns) if self._wide or not column.get("priority")]
        rows = [
            self._row(resource, record, [_cell(row["cells"][index]) for index in chosen])
            for record, row in zip(records, table["rows"], strict=True)
        ]
        if resource not in self._widths and self._with_header:
            rows.insert(0, self._header(resource, [columns[index]["name"].upper() for index in chosen]))
        return self._align(resource, rows)

    def _header(self, resource: Resource, names: list[str]) -> list[str]:
        namespace = ["NAMESPACE"] if self._with_namespace and resource.namespaced else []
        return [*namespace, *names, *(["LABELS"] if self._with_labels else [])]

    def _row(self, resource: Resource, record: Any, cells: list[str]) -> list[str]:
        metadata = record.metadata
        if self._with_kind:
            cells[0] = label(resource, cells[0])
        if self._with_namespace and resource.namespaced:
            cells.insert(0, metadata.namespace)
        if self._with_labels:
            pairs = ",".join(f"{key}={value}" for key, value in sorted(metadata.labels.items()))
            cells.append(pairs or "<none>")
        return cells

    def _align(self, resource: Resource, rows: list[list[str]]) -> str:
        widths = self._widths.setdefault(resource, [0] * (len(rows[0]) if rows else 0))
        for row in rows:
            widths[:] = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
        return "".join(
            "".join(
                cell.ljust(max(MIN_COLUMN, width + COLUMN_GAP)) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            + "\n"
            for row in rows
        )


def _cell(value: Any) -> str:
    """A cell as text, as kubectl writes it; line breaks are made visible so that a row stays a row."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value).replace("\n", "\\n")
