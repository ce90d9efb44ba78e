"""The command line of a component: `python -m COMPONENT --flags`."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and leaves the list of flags to --help."""

    def __init__(self, component: str, description: str) -> None:
        super().__init__(prog=f"python -m {component}", description=description, allow_abbrev=False)
        self._component = component

    def error(self, message: str) -> NoReturn:
        """Exit 2 with one line on standard error."""
        # argparse names the function that parses: that helps nobody.
        message = re.sub(r"invalid \w+ value", "invalid value", message)
        self.exit(2, f"{self._component}: {message}; `{self.prog} --help` shows the flags\n")
