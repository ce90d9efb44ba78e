"""Where requests come in: the two ports of Ingresses, which Gateways share, and Gateways' own. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ingress.model import Entry, Table, joined

HTTP = "http"
HTTPS = "https"


def entries(http: int, https: int, ingresses: Table, gateways: Iterable[Entry]) -> list[Entry]:
    """All entries. http, https: the ports that Ingresses are served at."""
    found = {http: Entry(HTTP, http, False, ingresses), https: Entry(HTTPS, https, True, ingresses)}
    for entry in gateways:
        there = found.get(entry.port)
        found[entry.port] = entry if there is None else replace(there, table=joined(there.table, entry.table))
    return list(found.values())
