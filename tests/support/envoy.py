"""A real Envoy on loopback ports, told what to do by a discovery server in the test's own process."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import grpc

from cluster.pb import xds_pb2 as pb
from ingress.entries import HTTPS, entries
from ingress.model import Certificate, Entry, Table
from ingress.xds import clusters, listeners, routes
from ingress.xds.listeners import Bind
from ingress.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Snapshot
from ingress.xds.server import DiscoveryServer, serve
from tests.support.polling import eventually
from tests.support.ports import LOOPBACK, free_port

Addresses = Mapping[str, Iterable[tuple[str, int]]]


class Ingress:
    """Envoy and who controls it. `certificates` are by the name that hosts have in `hosts`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bind = Bind((LOOPBACK, free_port()), (LOOPBACK, free_port()), str(directory / "access.log"))
        self.server = DiscoveryServer()
        self._listener: grpc.aio.Server | None = None

    @property
    def sockets(self) -> tuple[Path, Path]:
        return self.directory / "xds.sock", self.directory / "admin.sock"

    async def start_control(self) -> None:
        self._listener = await serve(self.server, self.sockets[0])

    async def stop_control(self) -> None:
        """As if the control process ended; the next one knows nothing of what this one told."""
        assert self._listener is not None
        await self._listener.stop(None)
        self.server = DiscoveryServer()

    def snapshot(
        self,
        table: Table,
        endpoints: Addresses | None = None,
        certificates: Mapping[str, Certificate] | None = None,
        hosts: Mapping[str, str] | None = None,
        gateways: Iterable[Entry] = (),
    ) -> Snapshot:
        where = endpoints or {}
        found_at = entries(self.bind.http[1], self.bind.https[1], table, gateways)
        found = {name: backend for entry in found_at for name, backend in entry.table.backends().items()}
        secrets = certificates or {}
        return {
            SECRET: {name: clusters.secret(name, each) for name, each in secrets.items()},
            CLUSTER: {name: clusters.cluster(backend) for name, backend in found.items()},
            ENDPOINTS: {
                name: clusters.endpoints(name, where.get(backend.service, ())) for name, backend in found.items()
            },
            LISTENER: {each.name: each for each in listeners.listeners(self.bind, found_at, {HTTPS: hosts or {}})},
            ROUTES: {each.name: each for each in routes.configurations(found_at)},
        }

    async def publish(self, snapshot: Snapshot) -> None:
        """Tell Envoy, and wait until it has it all."""
        self.server.publish(snapshot)

        async def in_sync() -> bool:
            return self.server.in_sync

        await eventually(in_sync, what="Envoy has the snapshot")
        # It says so before its workers have got round to listening.
        for name, resource in snapshot[LISTENER].items():
            at = pb.Listener.FromString(resource.body).address.socket_address
            await eventually(partial(_listens, at.address, at.port_value), what=f"it listens for {name}")

    def url(self, path: str = "/", *, tls: bool = False) -> str:
        port = (self.bind.https if tls else self.bind.http)[1]
        return f"{'https' if tls else 'http'}://{LOOPBACK}:{port}{path}"

    async def shows(self, host: str, certificate: bytes) -> None:
        """Wait until a client that asks for a host is shown this certificate, in DER: workers follow one by one."""

        async def shown() -> bool:
            return await self._certificate_of(host) == certificate

        await eventually(shown, what=f"the certificate of {host}")

    async def _certificate_of(self, host: str) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection(*self.bind.https, ssl=context, server_hostname=host)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return bytes(shown)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Ingress]:
    """An Envoy that has been told nothing yet."""
    ingress = Ingress(directory)
    await ingress.start_control()
    xds, admin = ingress.sockets
    with (directory / "envoy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ingress.envoy", "--threads", "1"),
            *("--xds-socket", str(xds), "--admin-socket", str(admin)),
            stderr=log,
        )
    try:
        yield ingress
    finally:
        process.terminate()
        await process.wait()
        await ingress.stop_control()


class NamedServer:
    """An HTTP server that answers with its name and the path it was asked for, until it is closed abruptly.

    heads: of the requests it got, in lower case.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = (LOOPBACK, 0)
        self.delay_seconds = 0.0
        self.heads: list[str] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> NamedServer:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.address = self._server.sockets[0].getsockname()[:2]
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head.decode().lower())
                await asyncio.sleep(self.delay_seconds)
                if b"upgrade: websocket" in head.lower():
                    await self._echo(reader, writer)
                    return
                body = f"{self.name} {head.split()[1].decode()}".encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        while data := await reader.read(1024):
            writer.write(data)

    async def close(self) -> None:
        """Stop as a process that is killed does: connections are reset."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def get(session: aiohttp.ClientSession, url: str, host: str) -> tuple[int, str, str]:
    """Status, body and Location of an answer."""
    async with session.get(url, headers={"Host": host}, allow_redirects=False, ssl=False) as answer:
        return answer.status, (await answer.text()).strip(), answer.headers.get("Location", "")
