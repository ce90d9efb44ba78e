"""`python -m controllers --flags`."""

from __future__ import annotations

from controllers import config


def main() -> None:
    parsed = config.parse()
    # Usage errors and --help need none of what follows.
    from cluster import daemon
    from controllers.run import run

    daemon.main("controllers", parsed, run)


if __name__ == "__main__":
    main()
