"""`python -m ingress`: the control plane of the cluster's ingress."""

from __future__ import annotations

from typing import NoReturn

from cluster.daemon import main as run_daemon
from ingress import config, process


def main() -> NoReturn:
    run_daemon("ingress", config.from_args(config.build_parser().parse_args()), process.run)


if __name__ == "__main__":
    main()
