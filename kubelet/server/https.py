"""The kubelet's HTTPS pages: health, metrics, stats, pods, configuration, logs of containers.

Paths and refusals are upstream's (pkg/kubelet/server/server.go); exec, attach and port-forward are gRPC's here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

import h11

from api.errors import StatusError
from cluster.status_server import Response, converse
from kubelet.server.callers import Caller, Callers, identify, subresources

TEXT = "text/plain; charset=utf-8"
_VERBS = {b"GET": "get", b"HEAD": "get", b"POST": "create", b"PUT": "update", b"PATCH": "patch", b"DELETE": "delete"}

Page = Callable[[], Awaitable[tuple[str, bytes]]]
# (namespace, pod, container, query) → the log's text. Raises StatusError.
Logs = Callable[[str, str, str, Mapping[str, str]], Awaitable[bytes]]


class HttpsPages:
    """`pages` by path; `logs` answers /containerLogs/NAMESPACE/POD/CONTAINER, `log_folder` what is under /logs."""

    def __init__(self, callers: Callers, pages: Mapping[str, Page], logs: Logs, log_folder: Path) -> None:
        self._callers = callers
        self._pages = pages
        self._logs = logs
        self._log_folder = log_folder

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""
        peer = writer.get_extra_info("peercert")
        await converse(reader, writer, lambda request: self._answer(request, peer))

    async def _answer(self, request: h11.Request, peer: Mapping[str, object] | None) -> Response:
        target, _, query = request.target.decode("latin-1").partition("?")
        path = unquote(target)
        headers = {name: value.decode("latin-1") for name, value in request.headers}
        caller = await identify(self._callers, peer, headers.get(b"authorization", ""))
        if caller is None:
            return Response(401, TEXT, b"Unauthorized")
        refusal = await self._refusal(caller, _VERBS.get(request.method, ""), path)
        if refusal is not None:
            return refusal
        if request.method not in (b"GET", b"HEAD"):
            return Response(405, TEXT, b"405: only GET is answered here\n")
        return await self._page(path, {name: values[-1] for name, values in parse_qs(query).items()})

    async def _refusal(self, caller: Caller, verb: str, path: str) -> Response | None:
        try:
            if await self._callers.may(caller, verb, path):
                return None
        except StatusError as error:
            text = f"Authorization error (user={caller.name}, verb={verb}, resource=nodes): {error.message}"
            return Response(500, TEXT, text.encode())
        asked = ",".join(subresources(path))
        text = f"Forbidden (user={caller.name}, verb={verb}, resource=nodes, subresource(s)=[{asked}])\n"
        return Response(403, TEXT, text.encode())

    def _files(self, names: list[str]) -> Response:
        """A log file, or the list of a folder of them."""
        place = self._log_folder.joinpath(*names).resolve()
        if not place.is_relative_to(self._log_folder.resolve()):
            return Response(404, TEXT, b"404 page not found\n")
        try:
            if place.is_dir():
                entries = sorted(entry.name + "/" * entry.is_dir() for entry in place.iterdir())
                lines = "".join(f'<a href="{quote(name)}">{escape(name)}</a>\n' for name in entries)
                return Response(200, "text/html; charset=utf-8", f"<pre>\n{lines}</pre>\n".encode())
            return Response(200, TEXT, place.read_bytes())
        except OSError:
            return Response(404, TEXT, b"404 page not found\n")

    async def _page(self, path: str, query: Mapping[str, str]) -> Response:
        page = self._pages.get(path) or self._pages.get(path.rstrip("/"))
        if page is not None:
            content_type, body = await page()
            return Response(200, content_type, body)
        parts = path.strip("/").split("/")
        if parts[0] == "logs":
            return await asyncio.to_thread(self._files, parts[1:])
        if parts[0] == "containerLogs" and len(parts) == 4:
            try:
                return Response(200, TEXT, await self._logs(parts[1], parts[2], parts[3], query))
            except StatusError as error:
                return Response(error.code, TEXT, error.message.encode())
        return Response(404, TEXT, b"404 page not found\n")
