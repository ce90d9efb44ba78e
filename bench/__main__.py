"""`python -m bench [NAME ...]`: run the benchmarks and print their table; with --write, put it into bench/README.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from bench import (
    environment,
    images,
    ingress,
    network,
    pods,
    rest,
    scale,
    services,
    startup,
    throughput,
    volumes,
    watching,
)
from bench.results import Row, markdown
from podling.launcher.plan import Cluster

README = Path(__file__).parent / "README.md"
MARK = "<!-- table -->"

# Each against the cluster that is up meanwhile; memory first, before anything has stirred.
MEASURES: dict[str, Callable[[Cluster], Coroutine[Any, Any, list[Row]]]] = {
    "rest": rest.measure,
    "watch": watching.measure,
    "pods": pods.measure,
    "volumes": volumes.measure,
    "services": services.measure,
    "throughput": throughput.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of: up, memory, {', '.join(MEASURES)}, images, network, ingress, scale (default: all); "
        f"parts of scale: {', '.join(scale.SCENARIOS)}",
    )
    parser.add_argument("--write", action="store_true", help="put the table into bench/README.md")
    args = parser.parse_args()
    wanted = args.names or ["up", "memory", *MEASURES, "images", "network", "ingress", "scale"]
    rows = run(wanted)
    table = markdown(rows)
    print(table)
    if args.write:
        _write(table)
    missed = [row.figure for row in rows if row.met is False]
    if missed:
        print(f"\nmissed: {'; '.join(missed)}", file=sys.stderr)


def run(wanted: list[str]) -> list[Row]:
    """The rows of the named benchmarks, in order."""
    rows: list[Row] = []
    if "up" in wanted:
        rows += startup.measure_up()
    if {"memory", *MEASURES} & set(wanted):
        rows += _on_one_cluster(wanted)
    if "images" in wanted:
        rows += images.measure()
    if "network" in wanted:
        rows += network.measure()
    if "ingress" in wanted:
        rows += ingress.measure()
    for name, scenario in scale.SCENARIOS.items():
        if name in wanted or "scale" in wanted:
            rows += scenario()
    return rows


def _on_one_cluster(wanted: list[str]) -> list[Row]:
    rows: list[Row] = []
    with environment.directory() as path:
        cluster = environment.up(path, startup.NODES)
        try:
            if "memory" in wanted:
                rows += startup.measure_memory(cluster)
            for name, measure in MEASURES.items():
                if name in wanted:
                    rows += uvloop.run(measure(cluster))
        finally:
            environment.down(path)
    return rows


def _write(table: str) -> None:
    before, _, rest = README.read_text().partition(MARK)
    _, _, after = rest.partition(MARK)
    kernel, python = platform.release().split("-")[0], platform.python_version()
    machine = f"Measured on {os.cpu_count()} cores, Linux {kernel}, Python {python}."
    README.write_text(f"{before}{MARK}\n\n{machine}\n\n{table}\n\n{MARK}{after}")


if __name__ == "__main__":
    main()
