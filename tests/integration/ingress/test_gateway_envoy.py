"""A real Envoy does what HTTPRoutes say, and takes none of it amiss."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import aiohttp

from api.types import HTTPRoute
from ingress.model import Entry, Table
from tests.support.envoy import Ingress, NamedServer, get
from tests.support.gateways import a_gateway, a_route, compiled, listener, path, rule
from tests.support.ingresses import AnyService
from tests.support.polling import eventually
from tests.support.ports import LOOPBACK, free_port

# Ingresses have no part in it.
NOTHING = Table(())


async def publish(envoy: Ingress, servers: list[NamedServer], *routes: HTTPRoute, more: int = 0) -> None:
    """Tell Envoy of these routes, at the port for HTTP and one more."""
    port = envoy.bind.http[1]
    listeners = [listener(port=port), *([listener("more", more)] if more else [])]
    found: list[Entry] = compiled(
        a_gateway(*listeners), *routes, services=AnyService("gone"), reserved={port: False}
    ).entries
    endpoints = {server.name: [server.address] for server in servers}
    await envoy.publish(envoy.snapshot(NOTHING, endpoints, gateways=found))


async def test_matches(envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]) -> None:
    one = rule(
        path("/m", method="POST"),
        path("/h", headers=[{"name": "Version", "value": "2"}]),
        path("/q", queryParams=[{"name": "a", "value": "b.*", "type": "RegularExpression"}]),
        path("/r/[0-9]+(/.*)?", "RegularExpression"),
        path("/e", "Exact"),
        to="one",
    )
    await publish(envoy, servers, a_route(one, rule(to="two")))

    async def named(asked: str, method: str = "GET", **headers: str) -> str:
        url = envoy.url(asked)
        async with session.request(method, url, headers=headers) as answer:
            return (await answer.text()).split()[0]

    assert [await named("/m", "POST"), await named("/m")] == ["one", "two"]
    assert [await named("/h", version="2"), await named("/h", version="3"), await named("/h")] == ["one", "two", "two"]
    assert [await named("/q?x=1&a=bc"), await named("/q?a=c")] == ["one", "two"]
    assert [await named("/r/12/x"), await named("/r/x"), await named("/r/12x")] == ["one", "two", "two"]
    assert [await named("/e"), await named("/e/")] == ["one", "two"]


UUID = "/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(/.*)?"
# Of what is let in the largest, more or less.
EXPRESSIONS = (UUID, "/(.{10}){100}", "/([^/]{1,19}/){50}", r"/(\w|[é-ü]|\.){1000}", "(?i:/A.*)", "(?P<a>/b)+", "^/c$")


async def test_expressions_that_are_let_in_are_read(
    envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]
) -> None:
    rules = [rule(path(each, "RegularExpression"), to="one") for each in EXPRESSIONS]
    await publish(envoy, servers, a_route(*rules, rule(to="two")))
    asked = ["/01234567-89ab-cdef-0123-456789abcdef/x", "/a", "/b/b", "/c", "/d"]
    found = [(await get(session, envoy.url(each), "h"))[1].split()[0] for each in asked]
    assert found == ["one", "one", "one", "one", "two"]


def change(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, ("urlRewrite" if kind == "URLRewrite" else kind[0].lower() + kind[1:]): more}


# What upstream's documentation of replacePrefixMatch says becomes of which path.
PREFIXES = [
    ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
    ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
    ("/foo", "/foo", "/xyz", "/xyz"),
    ("/foo/", "/foo", "/xyz", "/xyz/"),
    ("/foo/bar", "/foo", "", "/bar"),
    ("/foo/", "/foo", "", "/"),
    ("/foo", "/foo", "/", "/"),
]


async def test_rewriting_and_redirecting(
    envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]
) -> None:
    port = envoy.bind.http[1]
    for asked, prefix, target, wanted in PREFIXES:
        replaced = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": target}}
        rewritten = a_route(rule(path(prefix), to="one", filters=[change("URLRewrite", **replaced)]), hosts=["w.org"])
        moved = a_route(rule(path(prefix), filters=[change("RequestRedirect", **replaced)]), name="m", hosts=["m.org"])
        await publish(envoy, servers, rewritten, moved)
        assert (await get(session, envoy.url(asked), "w.org"))[1] == f"one {wanted}"
        assert await get(session, envoy.url(asked), "m.org") == (302, "", f"http://m.org:{port}{wanted}")
    whole = {"hostname": "new.org", "path": {"type": "ReplaceFullPath", "replaceFullPath": "/a\\1"}}
    await publish(
        envoy,
        servers,
        a_route(rule(to="one", filters=[change("URLRewrite", **whole)]), hosts=["w.org"]),
        a_route(rule(filters=[change("RequestRedirect", scheme="https", statusCode=308)]), name="m", hosts=["m.org"]),
    )
    assert (await get(session, envoy.url("/b?c=d"), "w.org"))[1] == "one /a\\1?c=d"
    assert "host: new.org\r\n" in servers[0].heads[-1]
    assert await get(session, envoy.url("/b?c=d"), "m.org") == (308, "", "https://m.org/b?c=d")


async def test_headers_and_mirrors(envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]) -> None:
    request = change(
        "RequestHeaderModifier",
        set=[{"name": "A", "value": "50% off"}, {"name": "Host", "value": "other.org"}],
        add=[{"name": "B", "value": "2"}],
        remove=["C"],
    )
    response = change("ResponseHeaderModifier", set=[{"name": "D", "value": "4"}], remove=["content-type"])
    mirror = change("RequestMirror", backendRef={"name": "two", "port": 80})
    own = change("RequestHeaderModifier", set=[{"name": "E", "value": "5"}])
    to = {"backendRefs": [{"name": "one", "port": 80, "filters": [own]}]}
    await publish(envoy, servers, a_route(rule(filters=[request, response, mirror], **to)))
    async with session.get(envoy.url("/x"), headers={"A": "1", "B": "1", "C": "1"}) as answer:
        assert (await answer.text(), answer.headers["D"]) == ("one /x", "4")
    head = servers[0].heads[-1]
    lines = {line for line in head.splitlines() if line[:2] in ("a:", "b:", "c:", "e:") or line.startswith("host:")}
    assert lines == {"a: 50% off", "b: 1", "b: 2", "e: 5", "host: other.org"}

    async def mirrored() -> bool:
        return any("get /x" in each for each in servers[1].heads)

    await eventually(mirrored)


async def test_shares_missing_backends_and_timeouts(
    envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]
) -> None:
    backends = [{"name": name, "port": 80, "weight": weight} for name, weight in (("one", 2), ("two", 1), ("gone", 1))]
    slow = rule(path("/slow"), to="one", timeouts={"backendRequest": "50ms"})
    await publish(envoy, servers, a_route(rule(path("/"), backendRefs=backends), slow))
    answers = Counter([(await get(session, envoy.url(), "h"))[:2] for _ in range(200)])
    assert set(answers) == {(200, "one /"), (200, "two /"), (500, "")}
    assert answers[200, "one /"] > answers[200, "two /"]
    servers[0].delay_seconds = 100.0
    assert (await get(session, envoy.url("/slow"), "h"))[0] == 504


async def test_ports_come_and_go_without_disturbing_others(
    envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]
) -> None:
    port = free_port()
    await publish(envoy, servers, a_route(rule(to="one")))
    reader, writer = await asyncio.open_connection(*envoy.bind.http)

    async def ask_again() -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        return (await reader.readuntil(b"one /")).splitlines()[0]

    assert await ask_again() == b"HTTP/1.1 200 OK"
    await publish(envoy, servers, a_route(rule(to="one")), more=port)
    assert await get(session, f"http://{LOOPBACK}:{port}/", "h") == (200, "one /", "")
    assert await ask_again() == b"HTTP/1.1 200 OK"
    await publish(envoy, servers, a_route(rule(to="one")))
    assert await ask_again() == b"HTTP/1.1 200 OK"

    async def closed() -> bool:
        try:
            await get(session, f"http://{LOOPBACK}:{port}/", "h")
        except aiohttp.ClientConnectionError:
            return True
        return False

    await eventually(closed)
    writer.close()
