"""Requests and answers over TLS: routing, forms, errors, limits."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from typing import Any

import aiohttp
import pytest

from api import codec, scheme
from apiserver.requests import DeleteOptions, ListOptions
from apiserver.rest import views
from tests.integration.rest.conftest import Door
from tests.support.rest import stored

CONFIG_MAPS = scheme.by_path("", "v1", "configmaps")
NAMESPACES = scheme.by_path("", "v1", "namespaces")
COLLECTION = "/api/v1/namespaces/default/configmaps"


async def test_get_sends_the_stored_bytes(door: Door) -> None:
    item = door.handler.put(stored(CONFIG_MAPS, "a", data={"k": "v"}))
    async with door.admin.get(f"{COLLECTION}/a") as answer:
        assert answer.status == 200
        assert await answer.read() == item.data + b"\n"
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-cache, private"
        assert len(answer.headers["Audit-Id"]) == 36
    async with door.admin.head(f"{COLLECTION}/a") as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(item.data) + 1


async def test_the_certificate_names_the_user(door: Door) -> None:
    door.handler.put(stored(CONFIG_MAPS, "a"))
    for _ in range(2):
        await (await door.admin.get(f"{COLLECTION}/a")).read()
    users = {call[1] for call in door.handler.calls}
    assert [(user.name, user.groups) for user in users] == [("admin", ("system:masters", "system:authenticated"))]


async def test_bearer_tokens(door: Door) -> None:
    door.handler.put(stored(CONFIG_MAPS, "a"))
    async with door.nobody.get(f"{COLLECTION}/a", headers={"Authorization": "Bearer jane-token"}) as answer:
        assert answer.status == 200
    assert door.handler.calls[-1][1].name == "jane"
    for headers in ({"Authorization": "Bearer wrong"}, {}, {"Authorization": "Basic eDp5"}):
        async with door.nobody.get(f"{COLLECTION}/a", headers=headers) as answer:
            assert answer.status == 401
            assert await answer.json() == {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": "Unauthorized",
                "reason": "Unauthorized",
                "code": 401,
            }


async def test_who_shows_an_expired_certificate_is_nobody(door: Door, expired: Any) -> None:
    late = door.context("late", lifetime=expired)
    for headers, status in ({}, 401), ({"Authorization": "Bearer jane-token"}, 200):
        async with aiohttp.request("GET", f"{door.url}{COLLECTION}", ssl=late, headers=headers) as answer:
            assert answer.status == status, await answer.text()


async def test_certificates_of_others_end_at_the_handshake(door: Door, tmp_path: Any) -> None:
    foreign = type(door.authority)(tmp_path / "foreign")
    foreign_context = foreign.client_context(foreign.issue("admin"))
    foreign_context.load_verify_locations(door.authority.ca_file)
    with pytest.raises(aiohttp.ClientError):
        async with aiohttp.request("GET", f"{door.url}/version", ssl=foreign_context) as answer:
            await answer.read()


async def test_impersonation(door: Door) -> None:
    door.handler.put(stored(CONFIG_MAPS, "a"))
    async with door.admin.get(f"{COLLECTION}/a", headers={"Impersonate-User": "joe"}) as answer:
        assert answer.status == 200
    assert door.handler.calls[-1][1].name == "joe"
    door.handler.forbidden.add("jane")
    headers = {"Authorization": "Bearer jane-token", "Impersonate-User": "joe"}
    async with door.nobody.get(f"{COLLECTION}/a", headers=headers) as answer:
        assert answer.status == 403


async def test_lists_are_joined_bytes(door: Door) -> None:
    items = [door.handler.put(stored(CONFIG_MAPS, name)) for name in "ab"]
    async with door.admin.get(f"{COLLECTION}?limit=2&labelSelector=x%3Dy") as answer:
        document = await answer.json()
    assert document == {
        "kind": "ConfigMapList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "11", "continue": "more", "remainingItemCount": 5},
        "items": [json.loads(item.data) for item in items],
    }
    assert door.handler.calls[-1][2:] == (CONFIG_MAPS, "default", ListOptions(limit=2, label_selector="x=y"))


async def test_large_answers_are_compressed_for_those_who_accept_it(door: Door) -> None:
    door.handler.put(stored(CONFIG_MAPS, "a", data={"k": "v" * 200_000}))
    headers = {"Accept-Encoding": "gzip"}
    async with door.admin.get(COLLECTION, headers=headers, auto_decompress=False) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        body = await answer.read()
        assert len(body) < 10_000
        assert json.loads(gzip.decompress(body))["kind"] == "ConfigMapList"
    async with door.admin.get(COLLECTION, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert len(await answer.read()) > 200_000


async def test_tables_and_metadata(door: Door) -> None:
    door.handler.put(stored(CONFIG_MAPS, "a", data={"k": "v"}))
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    for url in (COLLECTION, f"{COLLECTION}/a"):
        async with door.admin.get(url, headers=table) as answer:
            document = await answer.json()
        assert document["kind"] == "Table"
        (row,) = document["rows"]
        assert row["cells"][:2] == ["a", 1]
        assert row["object"]["kind"] == "PartialObjectMetadata"
    async with door.admin.get(f"{COLLECTION}?includeObject=Everything", headers=table) as answer:
        assert answer.status == 400
    partial = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    async with door.admin.get(COLLECTION, headers=partial) as answer:
        document = await answer.json()
    assert document["kind"] == "PartialObjectMetadataList"
    assert document["items"][0] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "7", "name": "a", "namespace": "default", "uid": "uid-a"},
    }


async def test_long_tables_have_every_row_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "ROWS_AT_A_TIME", 2)
    for name in "abcde":
        door.handler.put(stored(CONFIG_MAPS, name))
    async with door.admin.get(COLLECTION, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}) as answer:
        document = await answer.json()
    assert [row["cells"][0] for row in document["rows"]] == list("abcde")
    assert document["columnDefinitions"]


async def test_yaml_and_indented_json(door: Door) -> None:
    door.handler.put(stored(CONFIG_MAPS, "a", data={"on": "y"}))
    async with door.admin.get(f"{COLLECTION}/a", headers={"Accept": "application/yaml"}) as answer:
        assert answer.headers["Content-Type"] == "application/yaml"
        assert "kind: ConfigMap" in await answer.text()
    for extra, lines in (({"User-Agent": "curl/8"}, True), ({}, False)):
        async with door.admin.get(f"{COLLECTION}/a", headers=extra) as answer:
            assert ("\n  " in await answer.text()) is lines
    async with door.admin.get(f"{COLLECTION}/a?pretty=true") as answer:
        assert "\n  " in await answer.text()


async def test_keys_that_yaml_repeats_are_told_of_as_upstream(door: Door) -> None:
    body = "metadata: {name: a, x: 1}\ndata:\n  k: y\n  k: z\n"
    headers = {"Content-Type": "application/yaml"}
    repeated = 'line 4: key "k" already set in map'
    async with door.admin.post(f"{COLLECTION}?fieldValidation=Strict", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["message"] == (
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
            f'strict decoding error: yaml: unmarshal errors:\n  {repeated}, unknown field "metadata.x"'
        )
    async with door.admin.post(f"{COLLECTION}?dryRun=All", data=body, headers=headers) as answer:
        assert answer.status == 201
        assert json.loads(door.handler.calls[-1][6])["data"] == {"k": "z"}
        assert answer.headers.getall("Warning") == [f'299 - "{repeated.replace(chr(34), chr(92) + chr(34))}"']
    async with door.admin.post(f"{COLLECTION}?fieldValidation=Ignore", data=body, headers=headers) as answer:
        assert answer.status == 201
        assert "Warning" not in answer.headers


async def test_bodies_in_json_and_yaml(door: Door) -> None:
    tree = {"metadata": {"name": "a"}, "data": {"k": "y"}}
    async with door.admin.post(COLLECTION, json=tree, params={"fieldManager": "me"}) as answer:
        assert answer.status == 201
    async with door.admin.post(
        COLLECTION, data="metadata: {name: a}\ndata: {k: 'y'}\n", headers={"Content-Type": "application/yaml"}
    ) as answer:
        assert answer.status == 201
    bodies = [json.loads(call[6]) for call in door.handler.calls]
    assert bodies == [tree, tree]
    assert door.handler.calls[0][7].field_manager == "me"


@pytest.mark.parametrize("body", ["a: [", "a: 1\n---\nb: 2\n", "\xff"])
async def test_yaml_that_is_none(door: Door, body: str) -> None:
    headers = {"Content-Type": "application/yaml"}
    async with door.admin.post(COLLECTION, data=body.encode("latin-1"), headers=headers) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (400, "BadRequest")
    assert not door.handler.calls


@pytest.mark.parametrize("announced", [True, False])
async def test_bodies_too_large(door: Door, announced: bool) -> None:
    body = b"x" * (3 * 1024 * 1024 + 1)

    async def pieces() -> Any:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    sent: Any = io.BytesIO(body) if announced else pieces()
    async with door.admin.post(COLLECTION, data=sent, headers={"Content-Type": "application/json"}) as answer:
        status = await answer.json(content_type=None)
        assert (answer.status, status["reason"]) == (413, "RequestEntityTooLarge")
        assert status["message"] == "Request entity too large: limit is 3145728"
    assert not door.handler.calls


async def test_media_types_that_are_not_taken(door: Door) -> None:
    async with door.admin.post(COLLECTION, data=b"a", headers={"Content-Type": "text/csv"}) as answer:
        status = await answer.json()
    assert (answer.status, status["reason"]) == (415, "UnsupportedMediaType")
    assert status["message"].startswith("the body of the request was in an unknown format - accepted media types")
    async with door.admin.patch(
        f"{COLLECTION}/a", data=b"{}", headers={"Content-Type": "application/xml-patch"}
    ) as answer:
        status = await answer.json()
    assert (answer.status, status["message"], status["details"]) == (415, "415: Unsupported Media Type", {})
    async with door.admin.get(COLLECTION, headers={"Accept": "text/csv"}) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (406, "NotAcceptable")


async def test_patch_types_reach_the_registry(door: Door) -> None:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    async with door.admin.patch(f"{COLLECTION}/a?force=true", data="data: {k: v}", headers=headers) as answer:
        assert answer.status == 200
    *_, body, patch_type, options = door.handler.calls[-1]
    assert (json.loads(body), patch_type, options.force) == (
        {"data": {"k": "v"}},
        "application/apply-patch+yaml",
        True,
    )


async def test_delete_options_come_from_the_body_or_the_query(door: Door) -> None:
    async with door.admin.delete(f"{COLLECTION}/a?gracePeriodSeconds=0&propagationPolicy=Foreground") as answer:
        assert (await answer.json())["kind"] == "ConfigMap"
    options = codec.decode(DeleteOptions, door.handler.calls[-1][5])
    assert (options.grace_period_seconds, options.propagation_policy) == (0, "Foreground")
    door.handler.delete_status = b'{"kind":"Status","status":"Success"}'
    async with door.admin.delete(f"{COLLECTION}/a", json={"gracePeriodSeconds": 5}) as answer:
        assert await answer.json() == {"kind": "Status", "status": "Success"}
    assert json.loads(door.handler.calls[-1][5]) == {"gracePeriodSeconds": 5}


async def test_delete_collection_answers_with_what_was_deleted(door: Door) -> None:
    door.handler.put(stored(CONFIG_MAPS, "a"))
    async with door.admin.delete(f"{COLLECTION}?labelSelector=a") as answer:
        document = await answer.json()
    assert (document["kind"], len(document["items"])) == ("ConfigMapList", 1)
    assert door.handler.calls[-1][4] == ListOptions(label_selector="a")


async def test_warnings_become_headers(door: Door) -> None:
    door.handler.warnings = ('unknown field "spec.x"', "line\r\nSet-Cookie: x")
    async with door.admin.post(COLLECTION, json={}) as answer:
        warnings = answer.headers.getall("Warning")
    assert warnings == ['299 - "unknown field \\"spec.x\\""', '299 - "line  Set-Cookie: x"']


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", "/api/v1/namespaces/default/things", 404, "NotFound"),
        ("GET", f"{COLLECTION}/a/unknown", 404, "NotFound"),
        ("POST", f"{COLLECTION}/a", 405, "MethodNotAllowed"),
        ("PUT", COLLECTION, 405, "MethodNotAllowed"),
        ("POST", "/api/v1/configmaps", 405, "MethodNotAllowed"),
        ("GET", "/api/v1/configmaps/a", 404, "NotFound"),
        ("GET", "/api/v1/namespaces/default/nodes", 404, "NotFound"),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405, "MethodNotAllowed"),
        ("POST", "/version", 405, "MethodNotAllowed"),
        ("PUT", "/api/v1/watch/configmaps", 405, "MethodNotAllowed"),
    ],
)
async def test_routes_that_are_none(door: Door, method: str, path: str, code: int, reason: str) -> None:
    async with door.admin.request(method, path, json={}) as answer:
        status = await answer.json()
    assert (answer.status, status["reason"], status["details"]) == (code, reason, {})
    assert not door.handler.calls


@pytest.mark.parametrize("path", ["/nowhere", "/apis/none.example/v1/things", "/apis/none.example", "/openapi/v4"])
async def test_paths_that_are_none(door: Door, path: str) -> None:
    async with door.admin.get(path) as answer:
        assert (answer.status, await answer.text()) == (404, "404 page not found\n")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_what_is_forbidden_is_not_told_to_be_absent(door: Door) -> None:
    door.handler.forbidden.add("admin")
    for path in ("/nowhere", "/api/v1/namespaces/default/things", "/apis/none.example/v1/things"):
        async with door.admin.get(path) as answer:
            assert answer.status == 403


async def test_there_are_no_custom_resources(door: Door) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with door.admin.get(path) as answer:
        assert (answer.status, (await answer.json())["items"]) == (200, [])
    async with door.admin.get(f"{path}/x") as answer:
        assert answer.status == 404
    door.handler.forbidden.add("admin")
    async with door.admin.get(path) as answer:
        assert answer.status == 403


async def test_openapi_v2_as_json_and_as_protobuf(door: Door) -> None:
    asked_for = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    for accept, content_type, start in (
        (asked_for, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", b"\n\x032.0"),
        ("application/json", "application/json", b"{"),
    ):
        async with door.admin.get("/openapi/v2", headers={"Accept": accept}) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
            assert (await answer.read()).startswith(start)
    async with door.admin.get("/openapi/v2", headers={"Accept": "text/csv"}) as answer:
        assert answer.status == 406


async def test_namespaces_have_no_namespace(door: Door) -> None:
    door.handler.put(stored(NAMESPACES, "x", namespace=""))
    async with door.admin.get("/api/v1/namespaces/x") as answer:
        assert answer.status == 200
    assert door.handler.calls[-1][2:5] == (NAMESPACES, "", "x")


async def test_health(door: Door) -> None:
    async with door.nobody.get("/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    door.checks["etcd"] = lambda: False
    async with door.nobody.get("/readyz?verbose") as answer:
        assert answer.status == 500
        assert await answer.text() == "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"
    for path, code in (("/readyz/etcd", 500), ("/readyz/ping", 200), ("/readyz/none", 404), ("/livez", 200)):
        async with door.nobody.get(path) as answer:
            assert answer.status == code
    async with door.nobody.get("/readyz?exclude=etcd") as answer:
        assert answer.status == 200


async def test_version_is_public_and_the_rest_is_not(door: Door) -> None:
    async with door.nobody.get("/version") as answer:
        assert (await answer.json())["gitVersion"].startswith("v1.32.")
    for path in ("/", "/api", "/apis/apps/v1", "/metrics", "/openapi/v2", "/openid/v1/jwks"):
        async with door.nobody.get(path) as answer:
            assert answer.status == 401
        async with door.admin.get(path) as answer:
            assert answer.status == 200


async def test_aggregated_discovery_is_cached_by_tag(door: Door) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    async with door.admin.get("/apis", headers={"Accept": accept}) as answer:
        assert answer.headers["Content-Type"] == accept.split(",")[0]
        assert (await answer.json())["kind"] == "APIGroupDiscoveryList"
        tag = answer.headers["ETag"]
    async with door.admin.get("/apis", headers={"Accept": accept, "If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    async with door.admin.get("/apis") as answer:
        assert (await answer.json())["kind"] == "APIGroupList"


async def test_openapi_v3_documents_are_addressed_by_hash(door: Door) -> None:
    async with door.admin.get("/openapi/v3") as answer:
        paths = (await answer.json())["paths"]
    address = paths["apis/apps/v1"]["serverRelativeURL"]
    async with door.admin.get(address) as answer:
        assert answer.headers["Cache-Control"] == "public, immutable"
        assert "io.k8s.api.apps.v1.Deployment" in (await answer.json())["components"]["schemas"]
    wrong = address.partition("?")[0] + "?hash=0"
    async with door.admin.get(wrong, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (301, address)


async def test_an_unexpected_failure_is_told_without_its_details(door: Door) -> None:
    door.handler.failure = RuntimeError("secret detail")
    async with door.admin.get(COLLECTION) as answer:
        text = await answer.text()
    assert (answer.status, json.loads(text)["reason"]) == (500, "InternalError")
    assert "secret detail" not in text


async def test_requests_are_counted(door: Door) -> None:
    await (await door.admin.get(COLLECTION)).read()
    async with door.admin.get("/metrics") as answer:
        page = await answer.text()
    wanted = 'apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps"'
    assert wanted in page
    assert 'apiserver_current_inflight_requests{request_kind="readOnly"}' in page


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("GET https://elsewhere/version?x=1", 200),
        ("OPTIONS *", 405),
        ("GET /api/v1//namespaces", 404),
        ("GET //version", 404),
    ],
)
async def test_unusual_request_targets(door: Door, target: str, code: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.server.port, ssl=door.context("raw"))
    writer.write(f"{target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await asyncio.wait_for(reader.readline(), 60)).startswith(f"HTTP/1.1 {code}".encode())
    writer.close()


@pytest.mark.parametrize("request_bytes", [b"BOGUS\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000])
async def test_what_is_no_http_is_answered_and_not_logged(
    door: Door, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.server.port, ssl=door.context("raw"))
    writer.write(request_bytes)
    assert b" 400 " in await asyncio.wait_for(reader.readline(), 60)
    assert not caplog.records
    writer.close()


async def test_a_head_alone_of_a_stream(door: Door) -> None:
    for path in ("/api/v1/pods?watch=1", "/api/v1/namespaces/default/pods/p/log"):
        async with door.admin.head(path) as answer:
            assert answer.status == 405


async def test_pipelined_and_slow_requests(door: Door) -> None:
    """Raw bytes: two requests in one write, then one that trickles in."""
    door.handler.put(stored(CONFIG_MAPS, "a"))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", door.server.port, ssl=door.context("raw"), server_hostname="localhost"
    )
    request = f"GET {COLLECTION}/a HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    writer.write(request + request)
    for _ in range(2):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    for byte in request:
        writer.write(bytes((byte,)))
        await writer.drain()
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
