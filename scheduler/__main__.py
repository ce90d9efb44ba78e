"""`python -m scheduler --flags`."""

from __future__ import annotations

from scheduler import config


def main() -> None:
    parsed = config.parse()
    # Usage errors and --help need none of what follows.
    from cluster import daemon
    from scheduler.run import run

    daemon.main("scheduler", parsed, run)


if __name__ == "__main__":
    main()
