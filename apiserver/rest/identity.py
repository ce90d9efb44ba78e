"""Who asks: the connection's certificate, looked at once; else a bearer token; then the Impersonate headers."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from aiohttp import hdrs, web

from api import errors
from apiserver.auth import authn, impersonation
from apiserver.auth.authn import Authenticator
from apiserver.auth.impersonation import GROUP_HEADER, UID_HEADER, USER_HEADER
from apiserver.auth.user import User
from apiserver.handler import Handler
from apiserver.rest import websockets
from apiserver.rest.call import Call
from apiserver.rest.connections import Connections

# How browsers, which cannot set headers on a WebSocket, send a token (upstream, websocket authenticator).
_TOKEN_PROTOCOL: Final = "base64url.bearer.authorization.k8s.io."


class Identities:
    def __init__(self, connections: Connections, authenticator: Authenticator, handler: Handler) -> None:
        self._connections = connections
        self._authenticator = authenticator
        self._handler = handler

    def identify(self, call: Call) -> None:
        """Set the call's user. Raises `Unauthorized`, and `Forbidden` for an impersonation that is not allowed."""
        request = call.request
        user = self._connections.user_of(request.protocol)
        if user is None:
            user = self._from_headers(call)
        headers = request.headers
        # Extra without a user, which is an error upstream, is ignored: to find it every header would have to be read.
        if USER_HEADER in headers or GROUP_HEADER in headers or UID_HEADER in headers:
            wanted = impersonation.wanted(list(headers.items()))
            user = impersonation.impersonate(user, wanted, self._handler.authorize)
        call.user = user

    def _from_headers(self, call: Call) -> User:
        request = call.request
        authorization = request.headers.get(hdrs.AUTHORIZATION)
        user = None
        if authorization:
            token = self._connections.token_of(request.protocol, authorization)
            user = self._authenticator.from_token(token) if token else None
        elif websockets.requested(request):
            user = self._from_protocols(request)
        return user or authn.anonymous(call.info.path)

    def _from_protocols(self, request: web.BaseRequest) -> User | None:
        for protocol in websockets.offered(request):
            if protocol.startswith(_TOKEN_PROTOCOL):
                encoded = protocol.removeprefix(_TOKEN_PROTOCOL)
                try:
                    token = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
                except (binascii.Error, UnicodeDecodeError) as error:
                    raise errors.Unauthorized() from error
                return self._authenticator.from_token(token)
        return None
