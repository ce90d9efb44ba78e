"""`python -m kubelet.hollow`: parse the flags and run."""

from __future__ import annotations

from cluster import daemon
from kubelet.hollow import config
from kubelet.hollow.run import run


def main() -> None:
    """Be many nodes until told to stop."""
    daemon.main("kubelet", config.from_args(config.parser().parse_args()), run)


if __name__ == "__main__":
    main()
