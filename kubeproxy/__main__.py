"""`python -m kubeproxy`: Service traffic and DNS of one node."""

from __future__ import annotations

import sys
from typing import NoReturn

from cluster.daemon import main as run_daemon
from kubeproxy import config, process
from kubeproxy.kernel import KernelError


def main() -> NoReturn:
    if "--cleanup" in sys.argv:
        _clean_up()
    run_daemon("kubeproxy", config.from_args(config.build_parser().parse_args()), process.run)


def _clean_up() -> NoReturn:
    args = config.build_cleanup_parser().parse_args()
    try:
        process.clean_up(args.cluster_dns[0] if args.cluster_dns else "")
    except (KernelError, OSError) as error:
        print(f"kubeproxy: cannot clean up: {error}; run it as root in the node's network namespace", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
