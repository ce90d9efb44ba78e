"""`python -m kubelet`: parse the flags and run."""

from __future__ import annotations

import argparse

from cluster import daemon
from kubelet import config
from kubelet.run import run


def main() -> None:
    """Run the kubelet until told to stop."""
    flags = config.parser()
    args = flags.parse_args()
    try:
        parsed = config.from_args(args)
    except argparse.ArgumentTypeError as error:
        flags.error(str(error))
    daemon.main("kubelet", parsed, run)


if __name__ == "__main__":
    main()
