"""prometheus-client without the web servers and clients it brings along, which nobody here uses.

They are a tenth of what a component imports: 40 ms at its start and 3 MB for as long as it lives. Our status server
serves the text; the library only writes it. `cluster.daemon` takes it from here, before any metric is made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Final

# What the library's module `exposition` takes from modules of the standard library for its own servers and clients.
_UNUSED: Final = {
    "http.server": ("BaseHTTPRequestHandler",),
    "urllib.request": (
        "BaseHandler",
        "HTTPHandler",
        "HTTPRedirectHandler",
        "HTTPSHandler",
        "Request",
        "build_opener",
    ),
    "wsgiref.simple_server": ("WSGIRequestHandler", "WSGIServer", "make_server"),
}


def _import_without_servers() -> tuple[str, Callable[[], bytes]]:
    """The type of the text and what writes it."""
    stand_ins = [name for name in _UNUSED if name not in sys.modules]
    for name in stand_ins:
        stand_in = ModuleType(name)
        vars(stand_in).update({word: type(word, (), {}) for word in _UNUSED[name]})
        sys.modules[name] = stand_in
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
    finally:
        # Whoever wants the real ones gets them.
        for name in stand_ins:
            del sys.modules[name]
    return CONTENT_TYPE_LATEST, generate_latest


CONTENT_TYPE_LATEST, generate_latest = _import_without_servers()
