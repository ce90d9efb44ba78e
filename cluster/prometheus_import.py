"""prometheus-client without the web servers and clients it brings along, which nobody here uses.

They are a tenth of what a component imports: 40 ms at its start and 3 MB for as long as it lives. Our status server
serves the text; the library only writes it. Imported by the package itself: before whoever imports the library.
"""

from __future__ import annotations

import sys
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


def _import_without_servers() -> None:
    stand_ins = [name for name in _UNUSED if name not in sys.modules]
    for name in stand_ins:
        stand_in = ModuleType(name)
        vars(stand_in).update({word: type(word, (), {}) for word in _UNUSED[name]})
        sys.modules[name] = stand_in
    try:
        import prometheus_client  # noqa: F401
    finally:
        # Whoever wants the real ones gets them.
        for name in stand_ins:
            del sys.modules[name]


_import_without_servers()
