"""The PyPI client, typed and dynamic, as programs use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import NotFoundError
from kubernetes.stream import portforward, stream

from tests.support.cluster import Cluster, eventually
from tests.support.kube import Space
from tests.support.manifests import WEB, config_map, container, deployment, pod, web


@pytest.fixture(scope="module")
def api_client(cluster: Cluster) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(cluster.env["KUBECONFIG"]) as made:
        yield made


@pytest.fixture
def core(api_client: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api_client)


def test_create_read_patch_and_delete(space: Space, core: client.CoreV1Api) -> None:
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="one", labels={"app": "one"}), data={"a": "1"})
    made = core.create_namespaced_config_map(space.name, body)
    assert made.metadata.uid
    assert core.read_namespaced_config_map("one", space.name).data == {"a": "1"}
    patched = core.patch_namespaced_config_map("one", space.name, {"data": {"b": "2"}})
    assert patched.data == {"a": "1", "b": "2"}
    assert int(patched.metadata.resource_version) > int(made.metadata.resource_version)
    made.data = {"lost": "update"}
    with pytest.raises(ApiException) as caught:
        core.replace_namespaced_config_map("one", space.name, made)
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    core.delete_namespaced_config_map("one", space.name)
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_config_map("one", space.name)
    assert caught.value.status == 404


def test_lists_in_pages_and_by_selectors(space: Space, core: client.CoreV1Api) -> None:
    for number in range(5):
        space.create(config_map(f"cm-{number}", a="1"))
    first = core.list_namespaced_config_map(space.name, limit=3, label_selector="app")
    rest = core.list_namespaced_config_map(
        space.name, limit=3, label_selector="app", _continue=first.metadata._continue
    )
    assert [item.metadata.name for item in first.items + rest.items] == [f"cm-{number}" for number in range(5)]
    assert first.metadata.resource_version == rest.metadata.resource_version
    assert rest.metadata._continue is None
    chosen = core.list_namespaced_config_map(space.name, label_selector="app in (cm-1,cm-2)")
    assert [item.metadata.name for item in chosen.items] == ["cm-1", "cm-2"]
    named = core.list_config_map_for_all_namespaces(
        field_selector=f"metadata.namespace={space.name},metadata.name=cm-3"
    )
    assert [item.metadata.name for item in named.items] == ["cm-3"]
    assert {node.metadata.name for node in core.list_node().items} == {"node-1", "node-2", "node-3"}


def test_watch_from_a_list(space: Space, core: client.CoreV1Api) -> None:
    space.create(config_map("there", a="1"))
    listed = core.list_namespaced_config_map(space.name)
    space.create(config_map("new", a="1"))
    space.merge("cm", "new", {"data": {"a": "2"}})
    space.delete("cm", "new")
    seen = []
    watching = watch.Watch()
    for event in watching.stream(
        core.list_namespaced_config_map,
        space.name,
        resource_version=listed.metadata.resource_version,
        timeout_seconds=60,
    ):
        seen.append((event["type"], event["object"].metadata.name, event["object"].data["a"]))
        if event["type"] == "DELETED":
            watching.stop()
    assert seen == [("ADDED", "new", "1"), ("MODIFIED", "new", "2"), ("DELETED", "new", "2")]


def test_watch_ends_when_its_time_is_up(space: Space, core: client.CoreV1Api) -> None:
    space.create(config_map("there", a="1"))
    stream_of = watch.Watch().stream(
        core.list_namespaced_config_map, space.name, timeout_seconds=1, label_selector="app"
    )
    assert [(event["type"], event["object"].metadata.name) for event in stream_of] == [("ADDED", "there")]


def test_exec_logs_and_port_forward(space: Space, core: client.CoreV1Api) -> None:
    space.create(pod("web", container(f"echo started; {WEB}")))
    space.wait_running("web")
    connect = core.connect_get_namespaced_pod_exec
    said = stream(
        connect,
        "web",
        space.name,
        command=["sh", "-c", "echo out; echo err >&2"],
        stdout=True,
        stderr=True,
        stdin=False,
    )
    assert sorted(said.split()) == ["err", "out"]
    command = ["sh", "-c", "read word; echo heard $word; exit 3"]
    session = stream(
        connect, "web", space.name, command=command, stdin=True, stdout=True, stderr=True, _preload_content=False
    )
    session.write_stdin("hello\n")
    session.run_forever(timeout=60)
    assert session.read_stdout() == "heard hello\n"
    assert session.returncode == 3
    assert core.read_namespaced_pod_log("web", space.name) == "started\n"
    followed: list[str] = []
    reading = threading.Thread(
        target=lambda: followed.extend(watch.Watch().stream(core.read_namespaced_pod_log, "web", space.name))
    )
    reading.start()
    eventually("the first line", lambda: followed == ["started"])
    core.delete_namespaced_pod("web", space.name)
    reading.join(60)
    assert not reading.is_alive()
    space.create(pod("again", web()))
    space.wait_running("again")
    forwarded = portforward(core.connect_get_namespaced_pod_portforward, "again", space.name, ports="8080")
    sock = forwarded.socket(8080)
    sock.settimeout(60)
    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
    received = b""
    while chunk := sock.recv(4096):
        received += chunk
    assert received.endswith(b"again\n")
    assert forwarded.error(8080) is None


def test_workloads_scale_status_and_eviction(
    space: Space, api_client: client.ApiClient, core: client.CoreV1Api
) -> None:
    apps = client.AppsV1Api(api_client)
    apps.create_namespaced_deployment(space.name, deployment("web", container(WEB), replicas=1))
    space.wait_deployment("web")
    status = apps.read_namespaced_deployment_status("web", space.name).status
    assert (status.ready_replicas, status.available_replicas) == (1, 1)
    scale = apps.read_namespaced_deployment_scale("web", space.name)
    scale.spec.replicas = 2
    apps.replace_namespaced_deployment_scale("web", space.name, scale)
    space.wait_deployment("web")
    name = space.list("pods", "app=web")[0]["metadata"]["name"]
    core.create_namespaced_pod_eviction(
        name, space.name, client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace=space.name))
    )
    space.gone("pods", name)
    space.wait_deployment("web")
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(verb="delete", resource="nodes")
        )
    )
    assert client.AuthorizationV1Api(api_client).create_self_subject_access_review(review).status.allowed
    core.delete_collection_namespaced_pod(space.name, label_selector="app=web")
    eventually("replaced", lambda: name not in [p.metadata.name for p in core.list_namespaced_pod(space.name).items])


def test_the_dynamic_client(space: Space, api_client: client.ApiClient) -> None:
    found = dynamic.DynamicClient(api_client)
    services = found.resources.get(api_version="v1", kind="Service")
    assert services.namespaced
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    made = services.create(body=body, namespace=space.name)
    assert made.spec.clusterIP.startswith("10.96.")
    assert services.get(name="web", namespace=space.name).metadata.uid == made.metadata.uid
    services.patch(
        body={"metadata": {"labels": {"tier": "front"}}},
        name="web",
        namespace=space.name,
        content_type="application/merge-patch+json",
    )
    listed = services.get(namespace=space.name, label_selector="tier=front")
    assert [item.metadata.name for item in listed.items] == ["web"]
    events = services.watch(namespace=space.name, resource_version=listed.metadata.resourceVersion, timeout=60)
    services.delete(name="web", namespace=space.name)
    assert next(events)["type"] == "DELETED"
    with pytest.raises(NotFoundError):
        services.get(name="web", namespace=space.name)
    deployments = found.resources.get(api_version="apps/v1", kind="Deployment")
    assert deployments.subresources["scale"]
