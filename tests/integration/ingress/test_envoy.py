"""A real Envoy does what the routing table says, and loses nothing while it changes."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp
import grpc

from cluster import pki
from ingress import rules
from ingress.model import Certificate, Forward, Host, Route, Table
from tests.support import ingresses as support
from tests.support.envoy import Ingress, NamedServer, get
from tests.support.ingresses import AnyService, ingress, path, rule
from tests.support.polling import eventually
from tests.support.ports import LOOPBACK

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def table_of(*paths: dict[str, object], host: str = "h.org", **more: object) -> Table:
    return rules.compile([ingress(rule(host, *paths), **more)], AnyService()).table  # type: ignore[arg-type]


def spoken(table: Table) -> Table:
    """The table with backends that are not asked but named."""

    def named(route: Route) -> Route:
        if not isinstance(route.action, Forward):
            return route
        backend = route.action.shares[0].backend
        assert backend is not None
        return replace(route, action=rules.Answer(200, backend.service))

    return Table(tuple(Host(host.name, tuple(map(named, host.routes))) for host in table.hosts))


async def test_it_routes_as_documented(envoy: Ingress, session: aiohttp.ClientSession) -> None:
    for seed in range(30):
        made = support.random_ingresses(seed)
        await envoy.publish(envoy.snapshot(spoken(rules.compile(made, AnyService()).table)))
        for host, asked in support.random_requests(seed, 15):
            status, body, _ = await get(session, envoy.url(asked), host)
            got = body if status == 200 else support.NOTHING
            assert got == support.documented(made, host, asked), f"seed {seed}: {host}{asked}"


async def test_ports_and_queries_do_not_disturb_the_match(envoy: Ingress, session: aiohttp.ClientSession) -> None:
    table = spoken(table_of(path("/a", "web", "Exact"), host="*.h.org"))
    await envoy.publish(envoy.snapshot(table))
    assert await get(session, envoy.url("/a?b=/c"), "X.H.org:8080") == (200, "web", "")
    assert await get(session, envoy.url("/a"), "x.h.org.") == (200, "web", "")
    assert (await get(session, envoy.url("/a"), "x.y.h.org"))[0] == 404


async def test_paths_are_rewritten(envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]) -> None:
    for prefix, target, asked, wanted in (
        ("/foo", "/", "/foo/bar?x=1", "/bar?x=1"),
        ("/foo", "/", "/foo", "/"),
        ("/foo", "/v2/", "/foo/bar", "/v2/bar"),
        ("/", "/v2", "/bar", "/v2/bar"),
        ("/f.o", "/", "/f.o/a", "/a"),
    ):
        table = table_of(path(prefix, "web"), annotations={"rewrite-prefix": target})
        await envoy.publish(envoy.snapshot(table, {"web": [servers[0].address]}))
        assert await get(session, envoy.url(asked), "h.org") == (200, f"one {wanted}", "")


async def test_redirects_and_timeouts(
    envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]
) -> None:
    moved = ingress(
        rule("old.org", path("/", "web")),
        name="moved",
        annotations={"redirect": "https://new.org", "redirect-code": "301"},
    )
    impatient = ingress(rule("slow.org", path("/", "web")), name="slow", annotations={"timeout": "50ms"})
    safe = ingress(
        rule("safe.org", path("/", "web")),
        name="safe",
        annotations={"https-redirect": "true"},
        tls=[{"hosts": ["safe.org"], "secretName": "s"}],
    )
    table = rules.compile([moved, impatient, safe], AnyService()).table
    await envoy.publish(envoy.snapshot(table, {"web": [servers[0].address]}))
    assert await get(session, envoy.url("/x?y=1"), "old.org") == (301, "", "https://new.org/x?y=1")
    assert await get(session, envoy.url("/x"), "safe.org") == (308, "", "https://safe.org/x")
    servers[0].delay_seconds = 100.0
    assert (await get(session, envoy.url("/x"), "slow.org"))[0] == 504


def certificate(directory: Path, name: str) -> tuple[Certificate, bytes]:
    """A certificate of a new authority, and its DER."""
    authority = pki.create_authority(directory, f"{name}-ca", f"{name}-ca", NOW)
    pki.issue(authority, directory, name, name, NOW, sans=[name])
    chain, key = ((directory / f"{name}.{end}").read_bytes() for end in ("crt", "key"))
    first = chain.decode().partition("-----END CERTIFICATE-----")
    return Certificate(chain, key), ssl.PEM_cert_to_DER_cert(f"{first[0]}{first[1]}\n")


async def test_certificates_go_by_the_name_asked_for_and_are_changed_live(
    envoy: Ingress, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    names = ("default", "a.org", "wild", "a2.org")
    made = {name: certificate(tmp_path, name) for name in names}
    hosts = {"": "default", "a.org": "a", "*.w.org": "w"}
    table = spoken(table_of(path("/", "web"), host=""))

    def state(of_a: str) -> dict[str, Certificate]:
        return {"default": made["default"][0], "a": made[of_a][0], "w": made["wild"][0]}

    await envoy.publish(envoy.snapshot(table, certificates=state("a.org"), hosts=hosts))
    await envoy.shows("a.org", made["a.org"][1])
    await envoy.shows("x.w.org", made["wild"][1])
    await envoy.shows("other.org", made["default"][1])
    assert (await get(session, envoy.url(tls=True), "a.org"))[:2] == (200, "web")
    await envoy.publish(envoy.snapshot(table, certificates=state("a2.org"), hosts=hosts))
    await envoy.shows("a.org", made["a2.org"][1])


async def test_websockets_pass(envoy: Ingress, servers: list[NamedServer]) -> None:
    await envoy.publish(envoy.snapshot(table_of(path("/", "web")), {"web": [servers[0].address]}))
    reader, writer = await asyncio.open_connection(*envoy.bind.http)
    writer.write(b"GET / HTTP/1.1\r\nhost: h.org\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert b" 101 " in (await reader.readuntil(b"\r\n\r\n")).splitlines()[0]
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()


async def test_grpc_passes(envoy: Ingress) -> None:
    async def shout(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return request.upper()

    server = grpc.aio.server()
    methods = {"Shout": grpc.unary_unary_rpc_method_handler(shout)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Voice", methods),))
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    await server.start()
    table = table_of(path("/test.Voice", "web"), annotations={"backend-protocol": "GRPC"})
    await envoy.publish(envoy.snapshot(table, {"web": [(LOOPBACK, port)]}))
    options = [("grpc.default_authority", "h.org")]
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{envoy.bind.http[1]}", options=options) as channel:
        assert await channel.unary_unary("/test.Voice/Shout")(b"hello") == b"HELLO"
    await server.stop(None)


async def test_no_request_fails_while_backends_roll(envoy: Ingress, session: aiohttp.ClientSession) -> None:
    table = table_of(path("/", "web"))
    current = [await NamedServer(f"old-{number}").start() for number in range(3)]

    async def tell() -> None:
        await envoy.publish(envoy.snapshot(table, {"web": [each.address for each in current]}))

    await tell()
    rolling = True
    seen: list[tuple[int, str]] = []

    async def load() -> None:
        while rolling:
            status, body, _ = await get(session, envoy.url(), "h.org")
            seen.append((status, body))

    async def more_requests(count: int) -> None:
        wanted = len(seen) + count

        async def enough() -> bool:
            return len(seen) >= wanted

        await eventually(enough)

    clients = [asyncio.create_task(load()) for _ in range(4)]
    for number in range(9):
        current.append(await NamedServer(f"new-{number}").start())
        await tell()
        # It is gone before anybody is told, as a process that ends at once on SIGTERM is.
        await current.pop(0).close()
        await more_requests(20)
        await tell()
    rolling = False
    await asyncio.gather(*clients)
    for server in current:
        await server.close()
    assert {status for status, _ in seen} == {200}
    assert any(body.startswith("new-8") for _, body in seen)


async def test_no_request_fails_while_routes_move_to_new_backends(
    envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]
) -> None:
    async def tell(number: int) -> None:
        """Each time a Service nobody has heard of, in the place of the one before."""
        service = f"web-{number}"
        await envoy.publish(envoy.snapshot(table_of(path("/", service)), {service: [servers[number % 2].address]}))

    await tell(0)
    moving = True
    seen: set[tuple[int, str]] = set()

    async def load() -> None:
        while moving:
            seen.add((await get(session, envoy.url(), "h.org"))[:2])

    clients = [asyncio.create_task(load()) for _ in range(4)]
    for number in range(1, 15):
        await tell(number)
        if number < 3:

            async def both(wanted: int = number) -> bool:
                return len(seen) >= wanted

            await eventually(both)
    moving = False
    await asyncio.gather(*clients)
    assert seen == {(200, "one /"), (200, "two /")}


async def test_connections_outlive_changes_that_are_not_about_them(
    envoy: Ingress, servers: list[NamedServer], tmp_path: Path
) -> None:
    made, shown = {}, {}
    for name in ("a.org", "b.org"):
        made[name], shown[name] = certificate(tmp_path, name)
    endpoints = {"web": [servers[0].address], "other": [servers[1].address]}
    one = table_of(path("/", "web"), host="a.org")
    await envoy.publish(envoy.snapshot(one, endpoints, {"a": made["a.org"]}, {"a.org": "a"}))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(*envoy.bind.https, ssl=context, server_hostname="a.org")
    writer.write(b"GET / HTTP/1.1\r\nhost: a.org\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    both = rules.compile(
        [ingress(rule("a.org", path("/", "web")), rule("b.org", path("/", "other")))], AnyService()
    ).table
    await envoy.publish(
        envoy.snapshot(both, endpoints, {"a": made["a.org"], "b": made["b.org"]}, {"a.org": "a", "b.org": "b"})
    )
    # The certificate of the new host is there: the listener is the new one.
    await envoy.shows("b.org", shown["b.org"])
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"
    writer.close()


async def test_it_serves_on_while_its_control_restarts(
    envoy: Ingress, session: aiohttp.ClientSession, servers: list[NamedServer]
) -> None:
    table = table_of(path("/", "web"))
    await envoy.publish(envoy.snapshot(table, {"web": [servers[0].address]}))
    await envoy.stop_control()
    assert (await get(session, envoy.url(), "h.org"))[1] == "one /"
    await envoy.start_control()
    await envoy.publish(envoy.snapshot(table, {"web": [servers[1].address]}))
    assert (await get(session, envoy.url(), "h.org"))[1] == "two /"


async def test_a_backend_without_endpoints_answers_503_and_requests_are_logged(
    envoy: Ingress, session: aiohttp.ClientSession
) -> None:
    await envoy.publish(envoy.snapshot(table_of(path("/", "web"))))
    assert (await get(session, envoy.url("/nowhere"), "h.org"))[0] == 503
    log = Path(envoy.bind.access_log)

    async def logged() -> bool:
        return log.exists() and "/nowhere" in log.read_text()

    await eventually(logged)
    line = log.read_text()
    assert '"GET /nowhere HTTP/1.1" 503 UH' in line
    assert "ingress=default/web" in line
