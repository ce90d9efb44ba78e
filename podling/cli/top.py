"""`podling top`: what nodes and pods use now, by the resource metrics API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from api import codec, quantity, scheme
from api.types import Node, NodeMetrics, PodMetrics
from api.types.record import Record
from podling.cli.options import DEFAULT_NAMESPACE, AllNamespaces, Dir, Labels, Namespace
from podling.cli.output import note, say
from podling.cli.rpc import Api, api
from podling.tabular import columns

T = TypeVar("T", bound=Record)

top = App(name="top", help="Show what nodes and pods use now.")


@top.command(name=("nodes", "node"))
def nodes(*names: str, selector: Labels = "", dir: Dir = None) -> None:
    """CPU and memory that nodes use, and which part that is of what they can give to pods."""
    with api(dir) as server:
        found = _read(server, NodeMetrics, "", names, selector)
        sizes = {node.metadata.name: node.status.allocatable for node in _list(server, Node, "", selector)}
    rows = []
    for metrics in found:
        size = sizes.get(metrics.metadata.name, {})
        cells = [metrics.metadata.name]
        for resource, text in (("cpu", cpu(metrics.usage)), ("memory", memory(metrics.usage))):
            cells += [text, _percent(metrics.usage.get(resource, "0"), size.get(resource, "0"))]
        rows.append(cells)
    _show(["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"], rows)


@top.command(name=("pods", "pod"))
def pods(
    *names: str,
    namespace: Namespace = DEFAULT_NAMESPACE,
    all_namespaces: AllNamespaces = False,
    selector: Labels = "",
    containers: Annotated[bool, Parameter(negative="", help="A line for each container.")] = False,
    dir: Dir = None,
) -> None:
    """CPU and memory that pods use."""
    with api(dir) as server:
        found = _read(server, PodMetrics, "" if all_namespaces else namespace, names, selector)
    header = [*(["NAMESPACE"] if all_namespaces else []), *(["POD"] if containers else []), "NAME"]
    rows = []
    for metrics in found:
        first = [metrics.metadata.namespace] if all_namespaces else []
        if containers:
            rows += [
                [*first, metrics.metadata.name, each.name, cpu(each.usage), memory(each.usage)]
                for each in metrics.containers
            ]
        else:
            usages = [each.usage for each in metrics.containers]
            rows.append([*first, metrics.metadata.name, cpu(*usages), memory(*usages)])
    _show([*header, "CPU(cores)", "MEMORY(bytes)"], rows)


def cpu(*usages: dict[str, str]) -> str:
    """As kubectl shows it: "250m"."""
    return f"{sum(quantity.milli(usage.get('cpu', '0')) for usage in usages)}m"


def memory(*usages: dict[str, str]) -> str:
    """As kubectl shows it: "12Mi"."""
    return f"{sum(quantity.whole(usage.get('memory', '0')) for usage in usages) // 2**20}Mi"


def _percent(used: str, size: str) -> str:
    whole = quantity.parse(size)
    return f"{int(quantity.parse(used) * 100 / whole)}%" if whole else "<unknown>"


def _read(server: Api, record: type[T], namespace: str, names: tuple[str, ...], selector: str) -> list[T]:
    if names:
        return [codec.decode(record, server.get_raw(scheme.of(record), namespace, name)) for name in names]
    return _list(server, record, namespace, selector)


def _list(server: Api, record: type[T], namespace: str, selector: str) -> list[T]:
    page = server.list(scheme.of(record), namespace, label_selector=selector)
    return [codec.decode(record, raw) for raw in page.items]


def _show(header: list[str], rows: Iterable[list[str]]) -> None:
    listed = list(rows)
    if listed:
        say(columns(header, listed))
    else:
        note("Nothing has been measured: a new pod takes some seconds, a hollow node is never measured.")
