"""`python -m kubelet`: parse the flags and run."""

from __future__ import annotations

from cluster import daemon
from kubelet import config
from kubelet.run import run


def main() -> None:
    """Run the kubelet until told to stop."""
    daemon.main("kubelet", config.from_args(config.parser().parse_args()), run)


if __name__ == "__main__":
    main()
