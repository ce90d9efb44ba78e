"""One request on its way through the door: what the endpoints get."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web

from apiserver.auth.authn import ANONYMOUS_USER
from apiserver.rest import query
from apiserver.rest.negotiation import Form, form
from apiserver.rest.request_info import RequestInfo


class Call:
    """`user` is anonymous until it is identified; `known` says whether what is asked for exists, for the metrics."""

    __slots__ = ("_form", "_query", "audit_id", "info", "known", "query_text", "request", "user")

    def __init__(self, request: web.BaseRequest, info: RequestInfo, query_text: str, audit_id: str) -> None:
        self.request = request
        self.info = info
        self.query_text = query_text
        self.audit_id = audit_id
        self.user = ANONYMOUS_USER
        self.known = False
        self._query: query.Query | None = None
        self._form: Form | None = None

    @property
    def query(self) -> query.Query:
        """The query parameters, taken apart on first use."""
        if self._query is None:
            self._query = query.parse(self.query_text)
        return self._query

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers

    @property
    def accept(self) -> str:
        return self.request.headers.get(hdrs.ACCEPT, "")

    def form(self, *, tables: bool = True) -> Form:
        """The form the client wants back; without `tables`, of what cannot be one. Raises `NotAcceptable`."""
        if self._form is None:
            self._form = form(self.accept, tables=tables)
        return self._form
