"""HTTP with one registry: its address, TLS, credentials, tokens, and its failures as errors for people."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from ..errors import AccessDenied, NotInRegistry, RegistryError, RegistryUnavailable
from ..reference import DEFAULT_DOMAIN
from . import challenge
from .challenge import Challenge
from .keyring import Credential
from .trust import Trust, is_loopback

SILENCE_SECONDS = 30.0
_PROBE_SECONDS = 10.0
_DOCKER_IO_HOST = "registry-1.docker.io"
_MAX_ERROR_BYTES = 64 << 10
_MAX_TOKEN_BYTES = 1 << 20
_USER_AGENT = "podling/0.1"
_BROKEN = (OSError, http.client.HTTPException)


class Transport:
    """Requests to one registry as one user. Threads may share it."""

    def __init__(
        self, domain: str, trust: Trust, credential: Credential | None = None, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        self.domain = domain
        self._host = _DOCKER_IO_HOST if domain == DEFAULT_DOMAIN else domain
        self._insecure = trust.is_insecure(domain)
        self._credential = credential
        self._silence_seconds = silence_seconds
        self._opener = _opener(trust.context(domain), proxies=not is_loopback(domain))
        self._lock = threading.Lock()
        self._base = ""
        self._authorizations: dict[str, str] = {}

    def request(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
    ) -> http.client.HTTPResponse:
        """Send and get the answer, to be closed by the caller. `path` may be a whole URL of this registry's making.

        Raises RegistryError or one of its subclasses, by the status. A body that is a file must say its length.
        """
        url = urljoin(self._address(), path)
        # Where an upload goes is the registry's to say, but credentials are for the registry only, never less hidden.
        ours = urlsplit(url)[:2] == urlsplit(self._address())[:2]
        for attempt in (1, 2):
            request = Request(url, data=cast(bytes, body), headers=dict(headers or {}), method=method)
            request.add_header("User-Agent", _USER_AGENT)
            authorization = self._authorizations.get(scope, "")
            if authorization and ours:
                request.add_unredirected_header("Authorization", authorization)
            try:
                return self._open(request)
            except HTTPError as error:
                with error:
                    if (
                        error.code != 401
                        or attempt == 2
                        or not ours
                        or not self._authorize(error, scope, authorization)
                    ):
                        raise self._refusal(error, scope) from error
                if body is not None and not isinstance(body, bytes):
                    body.seek(0)
        raise RegistryError(f"registry {self.domain} keeps asking who we are")

    def _address(self) -> str:
        """Its base URL. One on loopback may speak plain HTTP: that is found out at the first request."""
        with self._lock:
            if not self._base:
                plain = self._insecure and not self._speaks_tls()
                self._base = f"{'http' if plain else 'https'}://{self._host}"
            return self._base

    def _speaks_tls(self) -> bool:
        try:
            with self._opener.open(Request(f"https://{self._host}/v2/"), timeout=_PROBE_SECONDS):
                return True
        except HTTPError as error:
            error.close()
            return True
        except URLError as error:
            # A certificate that is not believed is TLS all the same: it must not be got round in plain text.
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                return True
            return not isinstance(error.reason, ssl.SSLError | ConnectionResetError)
        except http.client.HTTPException:
            return False

    def _open(self, request: Request) -> http.client.HTTPResponse:
        try:
            answer = self._opener.open(request, timeout=self._silence_seconds)
        except HTTPError:
            raise
        except URLError as error:
            raise self._unreachable(error.reason) from error
        except _BROKEN as error:
            raise self._unreachable(error) from error
        return cast(http.client.HTTPResponse, answer)

    def _unreachable(self, reason: object) -> RegistryError:
        name = f"registry {self.domain}"
        if isinstance(reason, ssl.SSLCertVerificationError):
            return RegistryError(
                f"{name} has a certificate nobody here trusts ({reason.verify_message}): give its authority"
                f" (--registry-ca, or a .crt file in the registry's folder of certs.d)"
            )
        if isinstance(reason, TimeoutError):
            return RegistryUnavailable(f"{name} does not answer (waited {self._silence_seconds:.0f} s)")
        if isinstance(reason, socket.gaierror):
            return RegistryUnavailable(
                f"cannot find {name}: {reason.strerror}. Without a network, load the image: podling load FILE"
            )
        words = getattr(reason, "strerror", None) or reason
        return RegistryUnavailable(f"cannot reach {name}: {words}")

    def _authorize(self, refusal: HTTPError, scope: str, refused: str) -> bool:
        """Get what the refusal asks for; whether another try makes sense. `refused`: what the request came with."""
        wanted = challenge.parse(refusal.headers.get_all("WWW-Authenticate") or [])
        if wanted is None:
            return False
        if wanted.scheme == "basic":
            authorization = self._basic()
        elif self._credential is not None and self._credential.registry_token:
            authorization = f"Bearer {self._credential.registry_token}"
        else:
            authorization = self._token(wanted, scope)
        if not authorization or authorization == refused:
            return False
        self._authorizations[scope] = authorization
        return True

    def _basic(self) -> str:
        credential = self._credential
        if credential is None or not credential.username:
            return ""
        pair = f"{credential.username}:{credential.password}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def _token(self, wanted: Challenge, scope: str) -> str:
        if urlsplit(wanted.realm).scheme not in ("https", "http"):
            raise RegistryError(f"registry {self.domain} names no address to get a token from")
        if wanted.realm.startswith("http:") and not self._insecure:
            raise RegistryError(f"registry {self.domain} wants credentials sent unencrypted, to {wanted.realm}")
        credential = self._credential
        if credential is not None and credential.identity_token:
            fields = {"grant_type": "refresh_token", "refresh_token": credential.identity_token, "client_id": "podling"}
            fields |= {"service": wanted.service, "scope": wanted.scope or scope}
            request = Request(wanted.realm, data=urlencode(fields).encode(), method="POST")
        else:
            request = Request(wanted.token_url(scope))
            if basic := self._basic():
                request.add_unredirected_header("Authorization", basic)
        try:
            with self._open(request) as answer:
                tree: Any = json.loads(answer.read(_MAX_TOKEN_BYTES))
        except HTTPError as error:
            with error:
                raise self._refusal(error, scope) from error
        except (*_BROKEN, ValueError) as error:
            raise RegistryUnavailable(f"registry {self.domain} gave no token: {error}") from error
        token = (tree.get("token") or tree.get("access_token")) if isinstance(tree, dict) else None
        return f"Bearer {token}" if token else ""

    def _refusal(self, error: HTTPError, scope: str) -> RegistryError:
        said = _said(error)
        what = scope.removeprefix("repository:").rpartition(":")[0] or "it"
        name = f"registry {self.domain}"
        if error.code in (401, 403):
            hint = "the credentials given do not allow it"
            if self._credential is None:
                hint = "it wants credentials (podling login, or imagePullSecrets)"
            return AccessDenied(f"{name} refuses access to {what}: {hint}{said}")
        if error.code == 404:
            return NotInRegistry(f"{name} has no {what}{said}")
        if error.code == 429:
            return RegistryUnavailable(f"{name} is asked too often{said}: try again later")
        if error.code >= 500:
            return RegistryUnavailable(f"{name} is out of order: {error.code} {error.reason}{said}")
        return RegistryError(f"{name} refused: {error.code} {error.reason}{said}")


def _opener(context: ssl.SSLContext, *, proxies: bool) -> OpenerDirector:
    """Without the handlers for files and FTP: a redirect must not lead there."""
    opener = OpenerDirector()
    opener.addheaders = []
    for handler in (
        ProxyHandler() if proxies else ProxyHandler({}),
        HTTPHandler(),
        HTTPSHandler(context=context),
        HTTPDefaultErrorHandler(),
        HTTPRedirectHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _said(error: HTTPError) -> str:
    """The registry's own words, if it has any."""
    try:
        tree = json.loads(error.read(_MAX_ERROR_BYTES))
        messages = [str(each["message"]) for each in tree["errors"] if each.get("message")]
    except (*_BROKEN, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f" ({'; '.join(messages)})" if messages else ""
