"""`python -m apiserver --flags`."""

from __future__ import annotations

from apiserver import config


def main() -> None:
    parsed = config.parse()
    # Usage errors and --help need none of what follows.
    from apiserver.run import run
    from cluster import daemon

    daemon.main("apiserver", parsed, run)


if __name__ == "__main__":
    main()
