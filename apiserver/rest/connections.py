"""Open connections: the user each one's certificate names, the token it sends, and the stream each one carries.

A watch or an exec may wait for hours without writing, so it would not notice that its client left: its task is
cancelled when the connection is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from apiserver.auth.authn import bearer_token
from apiserver.auth.certificates import credential_id, user_from_peer
from apiserver.auth.user import User

# Longer headers than that no token needs; anybody may send them.
REMEMBERED_CHARACTERS: Final = 4096


class Connections:
    def __init__(self) -> None:
        self._users: dict[RequestHandler, User] = {}
        self._tokens: dict[RequestHandler, tuple[str, str]] = {}
        self._streams: dict[RequestHandler, asyncio.Task[Any]] = {}

    def user_of(self, connection: RequestHandler) -> User | None:
        """None when the client showed no certificate."""
        return self._users.get(connection)

    def token_of(self, connection: RequestHandler, authorization: str) -> str:
        """The bearer token of an `Authorization` header, "" when it holds none.

        Clients send the same on and on: the string of the first time is returned, whose hash is known by then.
        """
        known = self._tokens.get(connection)
        if known is not None and known[0] == authorization:
            return known[1]
        token = bearer_token(authorization)
        # A connection that is lost already would be remembered for ever.
        if known is not None and len(authorization) <= REMEMBERED_CHARACTERS:
            self._tokens[connection] = authorization, token
        return token

    @contextmanager
    def streaming(self, connection: RequestHandler) -> Iterator[None]:
        """Within the context the current task is cancelled when the client leaves."""
        task = asyncio.current_task()
        if task is not None:
            self._streams[connection] = task
        try:
            yield
        finally:
            self._streams.pop(connection, None)

    def made(self, connection: RequestHandler, transport: asyncio.Transport) -> None:
        self._tokens[connection] = "", ""
        user = user_from_peer(transport.get_extra_info("peercert"))
        if user is not None:
            certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self._users[connection] = replace(user, extra=credential_id(certificate))

    def lost(self, connection: RequestHandler) -> None:
        self._users.pop(connection, None)
        self._tokens.pop(connection, None)
        stream = self._streams.pop(connection, None)
        if stream is not None:
            stream.cancel()


class ConnectionServer(web.Server):
    """aiohttp's server, telling `connections` what comes and goes."""

    def __init__(self, handler: Any, connections: Connections, **options: Any) -> None:
        super().__init__(handler, **options)
        self._tracked = connections

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._tracked.made(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        self._tracked.lost(handler)
        super().connection_lost(handler, exc)
