"""What is wrong gets upstream's error and changes nothing."""

from __future__ import annotations

import datetime
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from cluster import pki
from cluster.pb import objects_pb2 as pb
from cluster.pb.objects_pb2_grpc import ObjectsStub
from tests.support.cluster import Cluster
from tests.support.kube import Answer, Api, Space, Tree
from tests.support.manifests import config_map, container, deployment, pod, service

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
WATCHED = ("pods", "configmaps", "secrets", "services", "deployments", "replicasets", "serviceaccounts", "roles")


def _everything(space: Space) -> list[tuple[str, str, str]]:
    """Name and revision of every object of the namespace, and what there is of the cluster's own."""
    found = [
        (word, tree["metadata"]["name"], tree["metadata"]["resourceVersion"])
        for word in WATCHED
        for tree in space.list(word)
    ]
    for word in ("namespaces", "clusterroles", "clusterrolebindings"):
        found += [(word, tree["metadata"]["name"], tree["metadata"]["uid"]) for tree in space.list(word)]
    # Namespaces of earlier tests go while this one runs.
    return [each for each in found if each[0] != "namespaces" or not each[1].startswith("test-")]


@pytest.fixture
def untouched(space: Space) -> Iterator[Space]:
    """A namespace with some objects in it, which must be as they were after the test."""
    space.create(config_map("there", a="1"), deployment("idle", container(), replicas=0), service("idle"))
    space.wait("observed", "deployments", "idle", lambda tree: tree["status"].get("observedGeneration") == 1)
    # Its replica set is written once more, with the first status.
    [replica_set] = space.list("replicasets")
    name = replica_set["metadata"]["name"]
    space.wait("observed", "replicasets", name, lambda tree: tree["status"].get("observedGeneration") == 1)
    before = _everything(space)
    yield space
    assert _everything(space) == before


def _refused(answer: Answer, code: int, reason: str, message: str) -> Tree:
    status = answer.tree
    assert (answer.code, status["kind"], status["status"]) == (code, "Status", "Failure"), status
    assert (status["code"], status.get("reason")) == (code, reason), status
    assert message in status["message"], status
    return status


@pytest.mark.parametrize(
    ("body", "code", "reason", "message"),
    [
        (b"{", 400, "BadRequest", "unexpected end of JSON input"),
        (b'{"kind": "ConfigMap", "apiVersion": "v1", }', 400, "BadRequest", "invalid character '}'"),
        (b"[1, 2]", 400, "BadRequest", "cannot unmarshal array into Go value"),
        (b"", 400, "BadRequest", ""),
        (b'{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}}', 400, "BadRequest", "Pod"),
        (b'{"kind": "ConfigMap", "apiVersion": "v9", "metadata": {"name": "x"}}', 400, "BadRequest", "v9"),
        (
            b'{"metadata": {"name": "x"}, "data": {"a": 1}}',
            400,
            "BadRequest",
            "cannot unmarshal number into Go struct field",
        ),
        (b'{"metadata": {"name": "X_y"}}', 422, "Invalid", "a lowercase RFC 1123 subdomain must consist of"),
        (b'{"metadata": {}}', 422, "Invalid", "name or generateName is required"),
        (b'{"metadata": {"name": "x", "labels": {"a b": "c"}}}', 422, "Invalid", "metadata.labels"),
        (b'{"metadata": {"name": "x", "namespace": "other"}}', 400, "BadRequest", "does not match"),
        (b'{"metadata": {"name": "there"}}', 409, "AlreadyExists", 'configmaps "there" already exists'),
        (b'{"metadata": {"name": "x", "resourceVersion": "7"}}', 500, "", "resourceVersion should not be set"),
        (b'{"metadata": {"name": "x"}, "data": {"a/b": "c"}}', 422, "Invalid", "data[a/b]: Invalid value"),
    ],
)
def test_bodies_to_create(untouched: Space, body: bytes, code: int, reason: str, message: str) -> None:
    answer = untouched.api.request("POST", untouched.path("cm"), body)
    status = answer.tree
    assert (answer.code, status["code"], status.get("reason", "")) == (code, code, reason), status
    assert message in status["message"], status


def test_yaml_bodies(untouched: Space) -> None:
    path = untouched.path("cm")
    answer = untouched.api.request("POST", path, b"metadata:\n  name: x\n bad: indent\n", "application/yaml")
    _refused(answer, 400, "BadRequest", "yaml: line")
    answer = untouched.api.request("POST", path, b"metadata: {name: x}\ndata: {a: [1]}\n", "application/yaml")
    _refused(answer, 400, "BadRequest", "cannot unmarshal array into Go struct field")
    answer = untouched.api.request("POST", path, b"anything", "text/plain")
    _refused(answer, 415, "UnsupportedMediaType", "accepted media types include: application/json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resources": {"requests": {"cpu": "many"}}}, "quantities must match the regular expression"),
        ({"resources": {"requests": {"cpu": "-1"}}}, "must be greater than or equal to 0"),
        ({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}, "must be less than or equal to cpu limit"),
        ({"name": "Main"}, "a lowercase RFC 1123 label must consist of"),
        ({"image": ""}, "spec.containers[0].image: Required value"),
        ({"ports": [{"containerPort": 0}]}, "spec.containers[0].ports[0].containerPort"),
        (
            {"imagePullPolicy": "Sometimes"},
            'Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
        ),
        ({"volumeMounts": [{"name": "none", "mountPath": "/x"}]}, 'volumeMounts[0].name: Not found: "none"'),
        ({"livenessProbe": {"periodSeconds": 1}}, "must specify a handler type"),
        ({"env": [{"name": "a=b", "value": "c"}]}, "spec.containers[0].env[0].name: Invalid value"),
    ],
)
def test_pods_that_cannot_be(untouched: Space, change: Tree, message: str) -> None:
    answer = untouched.api.request("POST", untouched.path("pods"), pod("bad", {**container(), **change}))
    assert (answer.code, answer.tree["code"]) in ((422, 422), (400, 400)), answer.tree
    assert message in answer.tree["message"], answer.tree["message"]
    if answer.code == 422:
        assert answer.tree["details"]["causes"][0]["field"].startswith("spec.containers[0]")
        assert answer.tree["details"]["name"] == "bad"


def test_unknown_fields(untouched: Space) -> None:
    tree = {**config_map("extra", a="1"), "colour": "green"}
    strict = untouched.api.request("POST", untouched.path("cm") + "?fieldValidation=Strict", tree)
    _refused(strict, 400, "BadRequest", 'strict decoding error: unknown field "colour"')
    doubled = b'{"metadata": {"name": "x"}, "data": {"a": "1"}, "data": {"b": "2"}}'
    strict = untouched.api.request("POST", untouched.path("cm") + "?fieldValidation=Strict", doubled)
    _refused(strict, 400, "BadRequest", 'duplicate field "data"')
    answer = untouched.api.request("POST", untouched.path("cm") + "?fieldValidation=Maybe", tree)
    assert answer.code in (400, 422), answer.tree
    # Without the wish it is dropped (here: only tried).
    dropped = untouched.api.call("POST", untouched.path("cm") + "?dryRun=All", tree)
    assert "colour" not in dropped


def test_stale_revisions_and_changes_that_may_not_be(untouched: Space) -> None:
    path = untouched.path("cm", "there")
    tree = untouched.get("cm", "there")
    stale = {**tree, "metadata": {**tree["metadata"], "resourceVersion": "1"}}
    message = 'Operation cannot be fulfilled on configmaps "there": the object has been modified'
    _refused(untouched.api.request("PUT", path, stale), 409, "Conflict", message)
    patch = {"metadata": {"resourceVersion": "1"}, "data": {"a": "2"}}
    _refused(untouched.api.request("PATCH", path, patch, MERGE), 409, "Conflict", message)
    wrong = {**tree, "metadata": {**tree["metadata"], "uid": "no"}}
    _refused(untouched.api.request("PUT", path, wrong), 409, "Conflict", "Precondition failed: UID in precondition: no")
    renamed = {**tree, "metadata": {**tree["metadata"], "name": "other"}}
    _refused(untouched.api.request("PUT", path, renamed), 400, "BadRequest", "does not match the name on the URL")
    options = {"preconditions": {"uid": "no"}}
    _refused(untouched.api.request("DELETE", path, options), 409, "Conflict", "the UID in the precondition (no)")
    selector = {"spec": {"selector": {"matchLabels": {"app": "other"}}}}
    answer = untouched.api.request("PATCH", untouched.path("deployments", "idle"), selector, MERGE)
    _refused(answer, 422, "Invalid", "field is immutable")
    address = {"spec": {"clusterIP": "10.96.77.77", "clusterIPs": ["10.96.77.77"]}}
    answer = untouched.api.request("PATCH", untouched.path("services", "idle"), address, MERGE)
    _refused(answer, 422, "Invalid", "may not change once set")


def test_patches_that_make_no_sense(untouched: Space) -> None:
    path = untouched.path("cm", "there")
    for body, kind, code in (
        (b"{", MERGE, 400),
        (b"[]", MERGE, 400),
        (b'{"data": {"a": 1}}', MERGE, 400),
        (b'{"a": 1}', JSON_PATCH, 400),
        (b'[{"op": "remove", "path": "/data/none"}]', JSON_PATCH, 422),
        (b'[{"op": "test", "path": "/data/a", "value": "2"}]', JSON_PATCH, 422),
        (b'[{"op": "fly", "path": "/data/a"}]', JSON_PATCH, 400),
        (b'{"metadata": {"labels": {"$patch": "nonsense"}}}', STRATEGIC, 500),
        (b"{}", "application/json", 415),
    ):
        answer = untouched.api.request("PATCH", path, body, kind)
        assert answer.code in (code, 422 if code == 400 else code), (body, answer.code, answer.body)
        assert answer.tree["kind"] == "Status"
    _refused(untouched.api.request("PATCH", untouched.path("cm", "none"), {"data": {}}, MERGE), 404, "NotFound", "none")


def test_bodies_that_are_too_large(untouched: Space) -> None:
    path = untouched.path("cm")
    large = config_map("large", a="x" * (3 * 1024 * 1024))
    _refused(untouched.api.request("POST", path, large), 413, "RequestEntityTooLarge", "limit is 3145728")
    # Small enough to be read, too much for one ConfigMap.
    large = config_map("large", a="x" * (1024 * 1024 + 1))
    _refused(untouched.api.request("POST", path, large), 422, "Invalid", "Too long: may not be more than 1048576 bytes")
    annotations = {"metadata": {"annotations": {"a": "x" * (256 * 1024)}}}
    answer = untouched.api.request("PATCH", untouched.path("cm", "there"), annotations, MERGE)
    _refused(answer, 422, "Invalid", "Too long: may not be more than 262144 bytes")


def test_paths_and_methods_that_are_not_there(untouched: Space) -> None:
    api = untouched.api
    assert api.request("GET", "/apis/batch/v1/gadgets").code == 404
    assert api.request("GET", f"/api/v1/namespaces/{untouched.name}/gadgets").code == 404
    assert api.request("GET", "/nowhere").code == 404
    answer = api.request("POST", untouched.path("cm", "there"), config_map("there"))
    _refused(answer, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    answer = api.request("POST", "/api/v1/namespaces/nowhere/configmaps", config_map("x"))
    _refused(answer, 404, "NotFound", 'namespaces "nowhere" not found')
    answer = api.request("GET", untouched.path("cm") + "?labelSelector=a%20in")
    _refused(answer, 400, "BadRequest", "unable to parse requirement")
    answer = api.request("GET", untouched.path("pods") + "?fieldSelector=spec.colour%3Dgreen")
    _refused(answer, 400, "BadRequest", "spec.colour")
    answer = api.request("GET", untouched.path("pods") + "?limit=1&continue=nonsense")
    _refused(answer, 400, "BadRequest", "continue key is not valid")
    answer = api.request("GET", untouched.path("pods") + "?watch=1&resourceVersion=x")
    assert answer.code in (400, 422), answer.body


def test_unknown_callers(untouched: Space) -> None:
    cluster = untouched.cluster
    for token in ("nonsense", "a.b.c", _token(untouched) + "x"):
        answer = Api(cluster, token=token).request("POST", untouched.path("cm"), config_map("x"))
        _refused(answer, 401, "Unauthorized", "Unauthorized")
    # A good token whose account has no rights.
    answer = Api(cluster, token=_token(untouched)).request("POST", untouched.path("cm"), config_map("x"))
    account = f"system:serviceaccount:{untouched.name}:default"
    _refused(answer, 403, "Forbidden", f'configmaps is forbidden: User "{account}" cannot create resource "configmaps"')


def _token(space: Space) -> str:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = space.api.call("POST", f"{space.path('serviceaccounts', 'default')}/token", request)
    token: str = answer["status"]["token"]
    return token


def test_tokens_of_accounts_that_are_gone(space: Space) -> None:
    token = _token(space)
    assert Api(space.cluster, token=token).request("GET", space.path("cm")).code == 403
    space.delete("serviceaccounts", "default")
    answer = Api(space.cluster, token=token).request("GET", space.path("cm"))
    # The account comes back, but as another one: the old token stays worthless.
    _refused(answer, 401, "Unauthorized", "Unauthorized")


def test_certificates_that_do_not_hold(untouched: Space, tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    cases = {
        "expired": (pki.load(untouched.cluster.directory / "pki", "ca"), now - 30 * day, day),
        "foreign": (pki.create_authority(tmp_path, "other", "other-ca", now), now, day),
    }
    for name, (authority, start, lifetime) in cases.items():
        pair = pki.issue(
            authority, tmp_path, name, "kubernetes-admin", start, organizations=("system:masters",), lifetime=lifetime
        )
        api = Api(untouched.cluster, certificate=(pair.cert_file, pair.key_file))
        if name == "expired":
            _refused(api.request("POST", untouched.path("cm"), config_map("x")), 401, "Unauthorized", "Unauthorized")
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                api.request("POST", untouched.path("cm"), config_map("x"))
        with _channel(untouched.cluster, pair) as channel, pytest.raises(grpc.RpcError) as refused:
            _create(channel, untouched, "x")
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]


def _channel(cluster: Cluster, pair: pki.Pair | None) -> grpc.Channel:
    certificates = {}
    if pair is not None:
        certificates = {"private_key": pair.key_file.read_bytes(), "certificate_chain": pair.cert_file.read_bytes()}
    credentials = grpc.ssl_channel_credentials((cluster.directory / "pki" / "ca.crt").read_bytes(), **certificates)
    return grpc.secure_channel(cluster.grpc, credentials)


def _create(channel: grpc.Channel, space: Space, name: str) -> Any:
    target = pb.Target(version="v1", resource="configmaps", namespace=space.name)
    body = json.dumps(config_map(name, a="1")).encode()
    return ObjectsStub(channel).Create(pb.CreateRequest(target=target, body=body), timeout=60)


def test_no_certificate_no_service(untouched: Space) -> None:
    with _channel(untouched.cluster, None) as channel, pytest.raises(grpc.RpcError) as refused:
        _create(channel, untouched, "x")
    assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED)  # type: ignore[attr-defined]


def test_a_kubelet_that_speaks_for_another_node(space: Space) -> None:
    space.create(pod("here", nodeName="node-1"), pod("there", nodeName="node-2"))
    space.create({**config_map("mine", a="1")}, {**config_map("other", a="1")})
    space.wait_running("here", "there")
    folder = space.cluster.directory / "pki"
    liar = Api(space.cluster, certificate=(folder / "kubelet-node-1.crt", folder / "kubelet-node-1.key"))
    before = [tree for tree in _everything(space) if tree[0] != "pods"]
    node = space.get("nodes", "node-2")
    status = {"status": {"phase": "Failed"}}
    labels, stolen = {"metadata": {"labels": {"stolen": "yes"}}}, {"spec": {"holderIdentity": "node-1"}}
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    stranger = pod("mirror", nodeName="node-2")
    stranger["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    other_node = 'node "node-1" is not allowed to modify node "node-2"'
    there = space.path("pods", "there")
    for method, path, body, message in (
        ("PATCH", f"{space.path('nodes', 'node-2')}/status", labels, other_node),
        ("PATCH", space.path("nodes", "node-2"), labels, other_node),
        ("PATCH", f"{there}/status", status, "can only update pod status for pods with spec.nodeName set to itself"),
        ("DELETE", there, {}, "can only delete pods with spec.nodeName set to itself"),
        ("POST", space.path("pods"), stranger, "can only create pods with spec.nodeName set to itself"),
        ("POST", space.path("pods"), pod("own", nodeName="node-1"), "can only create mirror pods"),
        ("PATCH", f"{lease}/node-2", stolen, "can only access node lease with the same name as the requesting node"),
        ("GET", space.path("cm", "other"), None, "no relationship found between node 'node-1' and this object"),
        ("GET", space.path("cm"), None, 'cannot list resource "configmaps"'),
        ("POST", space.path("cm"), config_map("x"), 'cannot create resource "configmaps"'),
        ("GET", space.path("secrets"), None, 'cannot list resource "secrets"'),
        ("DELETE", space.path("nodes", "node-2"), None, "nodes"),
    ):
        answer = liar.request(method, path, body, MERGE if method == "PATCH" else "application/json")
        assert answer.code == 403, (method, path, answer.code, answer.body)
        assert message in answer.tree["message"], (method, path, answer.tree["message"])
    assert [tree for tree in _everything(space) if tree[0] != "pods"] == before
    assert space.get("nodes", "node-2")["metadata"]["labels"] == node["metadata"]["labels"]
    assert space.get("pods", "there")["status"]["phase"] == "Running"
    assert space.find("pods", "mirror") is None
    # For its own it may speak.
    assert liar.request("GET", space.path("pods", "here")).code == 200


def test_components_may_do_their_work_and_no_more(space: Space) -> None:
    space.create(pod("here"))
    folder = space.cluster.directory / "pki"
    for name, user, method, path in (
        ("scheduler", "system:kube-scheduler", "GET", space.path("secrets")),
        ("scheduler", "system:kube-scheduler", "POST", space.path("pods")),
        ("kube-proxy-node-1", "system:kube-proxy", "GET", space.path("secrets")),
        ("kube-proxy-node-1", "system:kube-proxy", "DELETE", space.path("pods", "here")),
    ):
        api = Api(space.cluster, certificate=(folder / f"{name}.crt", folder / f"{name}.key"))
        body = pod("x") if method == "POST" else None
        _refused(api.request(method, path, body), 403, "Forbidden", f'User "{user}" cannot')


def test_etcd_answers_holders_of_its_own_authority_only(cluster: Cluster) -> None:
    lines = cluster.podling("status").stdout.splitlines()
    address = next(word for line in lines if line.startswith("etcd ") for word in line.split() if "://" in word)
    host, _, port = address.removeprefix("https://").partition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(cluster.directory / "pki" / "admin.crt", cluster.directory / "pki" / "admin.key")
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=60)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connection.request("POST", "/v3/kv/range", b"{}")
        connection.getresponse()
