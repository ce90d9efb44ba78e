"""/healthz, /livez, /readyz: `ok`, or with `?verbose` every check by name; `/readyz/NAME` is one check.

Formats are upstream's (apiserver, server/healthz).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from apiserver.rest.call import Call
from apiserver.rest.replies import Reply, not_found_page, text

Checks = Mapping[str, Callable[[], bool]]
ENDPOINTS: Final = ("healthz", "livez", "readyz")


class HealthEndpoints:
    """`live` and `ready` are read at every request: checks may come and go. The `ping` check always holds."""

    def __init__(self, live: Checks, ready: Checks) -> None:
        self._checks: Mapping[str, Checks] = {"healthz": live, "livez": live, "readyz": ready}

    def serve(self, call: Call) -> Reply:
        """`call`'s path is one of the endpoints, or a check below it."""
        endpoint, _, name = call.info.path.strip("/").partition("/")
        checks: Checks = {"ping": lambda: True, **self._checks[endpoint]}
        if name:
            if name not in checks:
                return not_found_page()
            return text("ok") if checks[name]() else text(f"{name} check failed\n", 500)
        excluded = set(call.query.get("exclude", ()))
        return _summary(endpoint, checks, excluded, verbose="verbose" in call.query)


def _summary(endpoint: str, checks: Checks, excluded: set[str], *, verbose: bool) -> Reply:
    lines: list[str] = []
    failed = False
    for name, check in checks.items():
        if name in excluded:
            lines.append(f"[+]{name} excluded: ok")
        elif check():
            lines.append(f"[+]{name} ok")
        else:
            failed = True
            lines.append(f"[-]{name} failed: reason withheld")
    if not failed and not verbose:
        return text("ok")
    lines.append(f"{endpoint} check {'failed' if failed else 'passed'}")
    return text("\n".join(lines) + "\n", 500 if failed else 200)
