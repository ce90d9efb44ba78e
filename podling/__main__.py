"""Entry point of the `podling` command."""

from __future__ import annotations

import os
import sys

from podling.errors import CommandError


def main() -> None:
    """Run one command; exit 0, 1 (or the error's code) with one line when it cannot be done, 130 on Ctrl-C."""
    try:
        # A tenth of a second and more, in which Ctrl-C is to be as quiet as later.
        from podling.app import build
        from podling.cli.separator import separated

        build()(separated(sys.argv[1:]))
    except CommandError as error:
        print(f"podling: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
