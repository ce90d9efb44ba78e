"""The node's one port: what a client's first message says, and who may ask for what."""

from __future__ import annotations

import ssl
from typing import Any, cast

import pytest

from api.types import (
    SubjectAccessReview,
    SubjectAccessReviewStatus,
    TokenReview,
    TokenReviewStatus,
    UserInfo,
)
from cluster.client import Client
from kubelet.server.callers import Caller, Callers, identify, of_certificate, subresources
from kubelet.server.client_hello import NotTls, offered


def hello(*protocols: str) -> bytes:
    """The first message of a real client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(inbound, outbound, server_hostname="node-1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outbound.read()


def test_the_offered_protocols_are_read_from_a_whole_message_only() -> None:
    message = hello("h2", "http/1.1")
    assert offered(message) == [b"h2", b"http/1.1"]
    assert offered(hello("h2")) == [b"h2"]
    assert offered(hello()) == []
    assert {offered(message[:length]) is None for length in (0, 4, 5, 100, len(message) - 1)} == {True}


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\x00\x04\x01\x00\x00\x05"]
)
def test_what_is_no_first_message_is_told_apart(data: bytes) -> None:
    with pytest.raises(NotTls):
        offered(data)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/metrics/cadvisor", ("metrics",)),
        ("/stats/summary", ("stats",)),
        ("/pods", ("pods", "proxy")),
        ("/containerLogs/a/b/c", ("proxy",)),
        ("metrics", ("proxy",)),
    ],
)
def test_paths_are_parts_of_the_node(path: str, expected: tuple[str, ...]) -> None:
    assert subresources(path) == expected


class ApiServer:
    """Knows one token, and lets its user read metrics."""

    def __init__(self) -> None:
        self.asked = 0

    async def create(self, record: Any) -> Any:
        self.asked += 1
        if isinstance(record, TokenReview):
            known = record.spec.token == "good"
            user = UserInfo(username="prometheus", groups=["monitors"]) if known else None
            return TokenReview(status=TokenReviewStatus(authenticated=known, user=user))
        attributes = record.spec.resource_attributes
        allowed = (record.spec.user, attributes.resource, attributes.subresource) == ("prometheus", "nodes", "metrics")
        return SubjectAccessReview(status=SubjectAccessReviewStatus(allowed=allowed))


async def test_a_token_is_reviewed_once_and_its_user_gets_what_the_rules_allow() -> None:
    server = ApiServer()
    callers = Callers(cast(Client, server), "node-1")
    caller = await identify(callers, None, "Bearer good")
    assert caller == Caller("prometheus", ("monitors",))
    assert await callers.may(caller, "get", "/metrics") and not await callers.may(caller, "get", "/pods")
    asked = server.asked
    await identify(callers, None, "bearer good")
    assert await callers.may(caller, "get", "/metrics/cadvisor")
    assert server.asked == asked, "answers are remembered"
    assert await identify(callers, None, "Bearer bad") is None
    assert await identify(callers, None, "Basic good") is None


async def test_a_certificate_of_the_masters_needs_no_review() -> None:
    server = ApiServer()
    callers = Callers(cast(Client, server), "node-1")
    peer = {"subject": ((("organizationName", "system:masters"),), (("commonName", "admin"),))}
    caller = of_certificate(peer)
    assert caller == Caller("admin", ("system:masters",))
    assert await callers.may(caller, "create", "/run") and server.asked == 0
