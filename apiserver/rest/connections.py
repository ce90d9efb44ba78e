"""Open connections: the user each one's certificate names, the token it sends, and the stream each one carries.

A watch or an exec may wait for hours without writing, so it would not notice that its client left: its task is
cancelled when the connection is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
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
# The head of a connection's first request must be there by then, the next one's head so long after an answer
# (upstream: ReadHeaderTimeout, IdleTimeout).
FIRST_REQUEST_SECONDS: Final = 32.0
IDLE_SECONDS: Final = 90.0
# Connections from one address that show no certificate.
MAX_STRANGERS: Final = 1_000


class Connections:
    def __init__(self) -> None:
        self._users: dict[RequestHandler, User] = {}
        self._tokens: dict[RequestHandler, tuple[str, str]] = {}
        self._streams: dict[RequestHandler, asyncio.Task[Any]] = {}

    def user_of(self, connection: RequestHandler) -> User | None:
        """None when the client showed no certificate, or one that did not hold when it connected."""
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
        user = user_from_peer(transport.get_extra_info("peercert"), time.time())
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
    """aiohttp's server, telling `connections` what comes and goes, and turning away those who only hold the line.

    Any pod can connect: without bounds one could take all descriptors.
    """

    def __init__(
        self, handler: Any, connections: Connections, request_factory: Callable[..., web.BaseRequest], **options: Any
    ) -> None:
        super().__init__(handler, request_factory=self._begin, keepalive_timeout=IDLE_SECONDS, **options)
        self._tracked = connections
        self._new_request = request_factory
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}
        self._strangers: dict[RequestHandler, str] = {}
        self._strangers_at: Counter[str] = Counter()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._tracked.made(handler, transport)
        self._silent[handler] = asyncio.get_running_loop().call_later(FIRST_REQUEST_SECONDS, transport.abort)
        if self._tracked.user_of(handler) is None:
            address = str(transport.get_extra_info("peername")[0])
            self._strangers[handler] = address
            self._strangers_at[address] += 1
            if self._strangers_at[address] > MAX_STRANGERS:
                transport.abort()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        self._heard(handler)
        address = self._strangers.pop(handler, None)
        if address is not None:
            self._strangers_at[address] -= 1
            if not self._strangers_at[address]:
                del self._strangers_at[address]
        self._tracked.lost(handler)
        super().connection_lost(handler, exc)

    def _begin(
        self, message: Any, payload: Any, protocol: RequestHandler, writer: Any, task: asyncio.Task[Any]
    ) -> web.BaseRequest:
        self._heard(protocol)
        return self._new_request(message, payload, protocol, writer, task)

    def _heard(self, handler: RequestHandler) -> None:
        timer = self._silent.pop(handler, None)
        if timer is not None:
            timer.cancel()
