"""A door with its own authority, and clients for it."""

from __future__ import annotations

import datetime
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from apiserver.auth import static_tokens
from apiserver.auth.authn import Authenticator
from apiserver.auth.service_accounts import TokenVerifier
from apiserver.rest import assembly, tls
from apiserver.rest.proxy import ProxyEndpoints
from apiserver.rest.server import RestServer
from cluster import pki
from tests.support.apiserver import Apiserver, Authority
from tests.support.etcd import Etcd
from tests.support.rest import ScriptedHandler, ScriptedStreams, ScriptedTargets
from tests.support.tls import TestAuthority


@dataclass
class Door:
    """`admin` talks with a client certificate (user "admin"), `nobody` without."""

    server: RestServer
    handler: ScriptedHandler
    streams: ScriptedStreams
    targets: ScriptedTargets
    admin: aiohttp.ClientSession
    nobody: aiohttp.ClientSession
    authority: TestAuthority
    checks: dict[str, Any]
    url: str

    def context(self, common_name: str, **issued: Any) -> ssl.SSLContext:
        return self.authority.client_context(self.authority.issue(common_name, **issued))


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


@pytest.fixture
async def door(authority: TestAuthority, tmp_path: Path) -> AsyncIterator[Door]:
    serving = authority.issue("kube-apiserver")
    pki.create_signing_key(tmp_path, "sa")
    tokens = tmp_path / "tokens.csv"
    tokens.write_text('jane-token,jane,7,"devs"\n')
    verifier = TokenVerifier("https://issuer", [tmp_path / "sa.pub"], cast(Any, None))
    handler, streams = ScriptedHandler(), ScriptedStreams()
    checks: dict[str, Any] = {}
    targets = ScriptedTargets(handler)
    proxy = ProxyEndpoints(cast(Any, targets), authority.client_context())
    server = await assembly.start(
        assembly.Services(
            handler=cast(Any, handler),
            pod_streams=cast(Any, streams),
            proxy=proxy,
            authenticator=Authenticator(verifier, static_tokens.read(tokens)),
            verifier=verifier,
            live={},
            ready=checks,
        ),
        "127.0.0.1",
        0,
        tls.context(authority.ca_file, serving.cert_file, serving.key_file),
    )
    url = f"https://127.0.0.1:{server.port}"
    admin = _session(url, authority.client_context(authority.issue("admin", organizations=("system:masters",))))
    nobody = _session(url, authority.client_context())
    yield Door(server, handler, streams, targets, admin, nobody, authority, checks, url)
    await admin.close()
    await nobody.close()
    await server.close()
    await proxy.close()


def _session(url: str, context: ssl.SSLContext) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(ssl=context)
    return aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=60))


@pytest.fixture
def expired() -> datetime.timedelta:
    return datetime.timedelta(minutes=-1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Apiserver]:
    """An API server process on its own etcd, shared by a module's tests, with the default service account there."""
    directory = Path(tempfile.mkdtemp(prefix="podling-rest-"))
    (directory / "etcd").mkdir()
    etcd = Etcd(directory / "etcd")
    server = Apiserver(directory, etcd, Authority(directory / "pki"))
    try:
        etcd.start()
        server.start()
        created = server.request(
            "POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}}
        )
        assert created.status == 201, created.body
        yield server
    finally:
        server.kill()
        etcd.kill()
        shutil.rmtree(directory)
