"""REST over TLS under wrk: GET and LIST beside a bare aiohttp handler, POST beside raw etcd transactions."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import orjson

from api.types import (
    ClusterRoleBinding,
    ConfigMap,
    ObjectMeta,
    RoleRef,
    ServiceAccount,
    Subject,
    TokenRequest,
    TokenRequestSpec,
)
from bench import environment
from bench.results import Row
from cluster.client import Client
from cluster.pb import etcd_pb2, etcd_pb2_grpc
from podling.launcher.plan import Cluster

CONNECTIONS = 32
SECONDS = 5
ROUNDS = 3
LIST_SIZE = 10_000
PAYLOAD = "x" * 380

# Serves the file named in argv[1] at every path, over TLS, and says its port.
BARE_HANDLER = """
import asyncio, ssl, sys, uvloop
from aiohttp import web
body = open(sys.argv[1], "rb").read()
async def handler(request):
    return web.Response(body=body, content_type="application/json")
async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
uvloop.run(main())
"""

POST_SCRIPT = """
local number = 0
local thread = 0
function setup(t) t:set("id", thread); thread = thread + 1 end
request = function()
  number = number + 1
  local body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s-' .. id .. '-' .. number ..
    '"},"data":{"key":"%s"}}'
  return wrk.format("POST", "/api/v1/namespaces/bench/configmaps",
    {["Authorization"] = "Bearer %s", ["Content-Type"] = "application/json"}, body)
end
"""


async def measure(cluster: Cluster) -> list[Row]:
    """All three figures."""
    async with environment.client(cluster) as client:
        token = await _admin_token(client)
        one = ConfigMap(metadata=ObjectMeta(name="one", namespace="bench"), data={"key": PAYLOAD})
        await client.create(one)
        get = await asyncio.to_thread(_beside_bare, cluster, token, "/api/v1/namespaces/bench/configmaps/one")
        post = await _post(cluster, token)
        await _fill(client)
        path = "/api/v1/namespaces/filled/configmaps"
        listed = await asyncio.to_thread(_beside_bare, cluster, token, path, connections=2)
    return [
        _ratio_row("REST GET of one object, TLS, 32 connections", *get, "a bare aiohttp TLS handler, same bytes", 60),
        _ratio_row("REST POST of a ConfigMap, 32 connections", *post, "raw create-txns on the same etcd", 40),
        _ratio_row(f"LIST of {LIST_SIZE:,} ConfigMaps", *listed, "a bare aiohttp handler, same bytes", 50),
    ]


def _ratio_row(figure: str, ours: float, theirs: float, of_what: str, percent: int) -> Row:
    ratio = 100 * ours / theirs
    target = f"≥ {percent} % (is {ratio:.0f} %)"
    return Row(figure, _per_second(ours), f"{_per_second(theirs)} {of_what}", target, ratio >= percent)


def _per_second(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.1f}/s"


async def _admin_token(client: Client) -> str:
    from api.types import Namespace

    await client.create(Namespace(metadata=ObjectMeta(name="bench")))
    await client.create(Namespace(metadata=ObjectMeta(name="filled")))
    await client.create(ServiceAccount(metadata=ObjectMeta(name="bench", namespace="bench")))
    await client.create(
        ClusterRoleBinding(
            metadata=ObjectMeta(name="bench"),
            role_ref=RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="cluster-admin"),
            subjects=[Subject(kind="ServiceAccount", name="bench", namespace="bench")],
        )
    )
    request = TokenRequest(
        metadata=ObjectMeta(name="bench", namespace="bench"), spec=TokenRequestSpec(expiration_seconds=3600)
    )
    answer = await client.create(request, name="bench", subresource="token")
    assert answer.status is not None
    return answer.status.token


def _beside_bare(cluster: Cluster, token: str, path: str, connections: int = CONNECTIONS) -> tuple[float, float]:
    """Requests per second of ours and of a bare handler that answers the same bytes, in turn; each one's median."""
    url = f"https://{cluster.rest}{path}"
    headers = ("-H", f"Authorization: Bearer {token}")
    command = ["curl", "-s", "--cacert", str(cluster.pki / "ca.crt"), *headers, url]
    body = subprocess.run(command, capture_output=True, check=True).stdout
    assert orjson.loads(body)["kind"] in ("ConfigMap", "ConfigMapList"), body[:300]
    ours, theirs = [], []
    with _bare_handler(cluster, body) as bare_url:
        for _ in range(ROUNDS):
            ours.append(_wrk(url, *headers, connections=connections))
            theirs.append(_wrk(bare_url, connections=connections))
    return sorted(ours)[ROUNDS // 2], sorted(theirs)[ROUNDS // 2]


@contextmanager
def _bare_handler(cluster: Cluster, body: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        pki = cluster.pki
        process = subprocess.Popen(
            [sys.executable, "-c", BARE_HANDLER, file.name, str(pki / "apiserver.crt"), str(pki / "apiserver.key")],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield f"https://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.kill()
            process.wait()


def _wrk(url: str, *flags: str, connections: int = CONNECTIONS) -> float:
    command = ["wrk", "-t", "2" if connections > 1 else "1", "-c", str(connections), "-d", f"{SECONDS}s", *flags, url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        raise AssertionError(f"wrk got refusals from {url}:\n{output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None, output
    return float(found[1])


async def _post(cluster: Cluster, token: str) -> tuple[float, float]:
    ours, theirs = [], []
    for round in range(ROUNDS):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(POST_SCRIPT % (f"r{round}", PAYLOAD, token))
            script.flush()
            url = f"https://{cluster.rest}"
            ours.append(await asyncio.to_thread(_wrk, url, "-s", script.name))
        theirs.append(await raw_transactions(cluster, f"/bench/{round}/"))
    return sorted(ours)[ROUNDS // 2], sorted(theirs)[ROUNDS // 2]


async def raw_transactions(cluster: Cluster, prefix: str) -> float:
    """Create-if-absent transactions per second of as many workers, through grpc.aio, of objects as large.

    They stay: etcd 3.4 copies its buffer of recent writes for every transaction, and that buffer never shrinks from
    what one deletion of them all made it (1.4 MB a transaction, four times the CPU of one).
    """
    pki = cluster.pki / "etcd"
    credentials = grpc.ssl_channel_credentials(
        (pki / "ca.crt").read_bytes(), (pki / "client.key").read_bytes(), (pki / "client.crt").read_bytes()
    )
    value = json.dumps({"kind": "ConfigMap", "metadata": {"name": "x" * 20}, "data": {"key": PAYLOAD}}).encode()
    count = 0
    async with grpc.aio.secure_channel(cluster_etcd(cluster), credentials) as channel:
        stub = etcd_pb2_grpc.KVStub(channel)
        end = time.monotonic() + SECONDS

        async def work(worker: int) -> None:
            nonlocal count
            number = 0
            while time.monotonic() < end:
                number += 1
                key = f"{prefix}{worker}/{number}".encode()
                compare = etcd_pb2.Compare(key=key, target=etcd_pb2.Compare.MOD, mod_revision=0)
                put = etcd_pb2.RequestOp(request_put=etcd_pb2.PutRequest(key=key, value=value))
                await stub.Txn(etcd_pb2.TxnRequest(compare=[compare], success=[put]))
                count += 1

        await asyncio.gather(*(work(worker) for worker in range(CONNECTIONS)))
    return count / SECONDS


def cluster_etcd(cluster: Cluster) -> str:
    """`host:port` of the cluster's own etcd."""
    from podling.launcher.plan import Port

    return f"127.0.0.1:{cluster.port(Port.ETCD_CLIENT)}"


async def _fill(client: Client) -> None:
    """10,000 ConfigMaps of about 650 bytes each."""
    gate = asyncio.Semaphore(200)

    async def create(number: int) -> None:
        async with gate:
            metadata = ObjectMeta(name=f"filled-{number:05}", namespace="filled", labels={"app": "bench"})
            await client.create(ConfigMap(metadata=metadata, data={"key": PAYLOAD}))

    await asyncio.gather(*(create(number) for number in range(LIST_SIZE)))
