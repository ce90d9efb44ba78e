"""Objects through the whole API server: REST in, REST out, as kubectl would see it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.apiserver import Answer, Apiserver

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Api:
    """Short forms for one namespace of its own."""

    def __init__(self, server: Apiserver, namespace: str) -> None:
        self.server = server
        self.namespace = namespace

    def path(self, plural: str, name: str = "", group: str = "") -> str:
        root = f"/apis/{group}/v1" if group else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def create(self, plural: str, record: Any, query: str = "", group: str = "") -> Answer:
        return self.server.request("POST", self.path(plural, group=group) + query, record)

    def get(self, plural: str, name: str, group: str = "") -> Answer:
        return self.server.request("GET", self.path(plural, name, group))

    def patch(self, plural: str, name: str, body: Any, kind: str = MERGE, group: str = "") -> Answer:
        return self.server.request("PATCH", self.path(plural, name, group), body, content_type=kind)

    def delete(self, plural: str, name: str, query: str = "", group: str = "", body: Any = None) -> Answer:
        return self.server.request("DELETE", self.path(plural, name, group) + query, body)


@pytest.fixture
def api(shared_apiserver: Apiserver, request: pytest.FixtureRequest) -> Api:
    namespace = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:60].strip("-").lower()
    made = shared_apiserver.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert made.status == 201, made.body
    api = Api(shared_apiserver, namespace)
    assert api.create("serviceaccounts", {"metadata": {"name": "default"}}).status == 201
    return api


def config_map(name: str = "a", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "data": {"k": "v"}}


def pod(name: str = "p", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "c", "image": "busybox"}]},
    }


def deployment(name: str = "d") -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod()["spec"]}
    return {
        "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def test_generated_names_and_system_fields(api: Api) -> None:
    made = api.create("configmaps", {"metadata": {"generateName": "cm-"}}).json["metadata"]
    assert made["name"].startswith("cm-")
    assert len(made["name"]) == 8
    assert {"uid", "creationTimestamp", "resourceVersion"} <= made.keys()


def test_stale_updates_conflict_and_equal_ones_write_nothing(api: Api) -> None:
    first = api.create("configmaps", config_map()).json
    path = api.path("configmaps", "a")
    same = api.server.request("PUT", path, first).json
    assert same["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    changed = api.server.request("PUT", path, first | {"data": {"k": "w"}})
    assert changed.json["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    stale = api.server.request("PUT", path, first | {"data": {"k": "x"}})
    assert (stale.status, stale.json["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes" in stale.json["message"]


def test_the_three_kinds_of_patches(api: Api) -> None:
    api.create("configmaps", config_map())
    assert api.patch("configmaps", "a", {"data": {"x": "1"}}).json["data"] == {"k": "v", "x": "1"}
    operations = [{"op": "remove", "path": "/data/k"}]
    assert api.patch("configmaps", "a", operations, JSON_PATCH).json["data"] == {"x": "1"}
    api.create("deployments", deployment(), group="apps")
    image = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "python"}]}}}}
    patched = api.patch("deployments", "d", image, STRATEGIC, "apps").json
    assert [c["image"] for c in patched["spec"]["template"]["spec"]["containers"]] == ["python"]
    assert patched["metadata"]["generation"] == 2


def test_refused_patches_change_nothing(api: Api) -> None:
    before = api.create("configmaps", config_map()).json
    for body, kind, status in (
        (b"{", MERGE, 400),
        ([{"op": "test", "path": "/data/k", "value": "x"}], JSON_PATCH, 422),
        ({"metadata": {"resourceVersion": "1"}, "data": {"x": "1"}}, MERGE, 409),
        ({"data": {"k": 5}}, MERGE, 422),
        (b"{}", "application/apply-patch+yaml", 415),
    ):
        assert api.patch("configmaps", "a", body, kind).status == status, body
    assert api.get("configmaps", "a").json == before


def test_dry_runs_answer_as_if_and_store_nothing(api: Api) -> None:
    tried = api.create("configmaps", config_map(), "?dryRun=All")
    assert (tried.status, tried.json["metadata"]["name"]) == (201, "a")
    assert api.get("configmaps", "a").status == 404
    api.create("configmaps", config_map())
    assert api.create("configmaps", config_map(), "?dryRun=All").status == 409
    path = api.path("configmaps", "a") + "?dryRun=All"
    patched = api.server.request("PATCH", path, {"data": {"x": "1"}}, content_type=MERGE)
    assert patched.json["data"]["x"] == "1"
    assert api.server.request("DELETE", path).status == 200
    assert api.get("configmaps", "a").json["data"] == {"k": "v"}
    refused = api.create("configmaps", config_map(), "?dryRun=x")
    assert refused.status == 422


def test_status_and_spec_are_written_apart(api: Api) -> None:
    made = api.create("deployments", deployment() | {"status": {"replicas": 9}}, group="apps").json
    assert "replicas" not in made["status"]
    made["status"] = {"replicas": 2}
    made["spec"]["replicas"] = 5
    status = api.server.request("PUT", api.path("deployments", "d/status", "apps"), made).json
    assert (status["status"]["replicas"], status["spec"]["replicas"]) == (2, 2)
    assert status["metadata"]["generation"] == 1
    status["status"] = {"replicas": 7}
    status["spec"]["replicas"] = 5
    spec = api.server.request("PUT", api.path("deployments", "d", "apps"), status).json
    assert (spec["status"]["replicas"], spec["spec"]["replicas"]) == (2, 5)
    assert spec["metadata"]["generation"] == 2


def test_scale(api: Api) -> None:
    api.create("deployments", deployment(), group="apps")
    scale = api.get("deployments", "d/scale", "apps").json
    assert (scale["kind"], scale["spec"]["replicas"], scale["status"]["selector"]) == ("Scale", 2, "app=web")
    scale["spec"]["replicas"] = 4
    path = api.path("deployments", "d/scale", "apps")
    assert api.server.request("PUT", path, scale).json["spec"]["replicas"] == 4
    assert api.server.request("PUT", path, scale).status == 409
    assert api.get("deployments", "d", "apps").json["spec"]["replicas"] == 4
    negative = api.patch("deployments", "d/scale", {"spec": {"replicas": -1}}, group="apps")
    assert negative.status == 422


def test_finalizers_hold_an_object_until_they_are_removed(api: Api) -> None:
    api.create("configmaps", config_map(finalizers=["example.com/hold"]))
    marked = api.delete("configmaps", "a").json
    assert marked["metadata"]["deletionTimestamp"]
    assert api.patch("configmaps", "a", {"metadata": {"finalizers": None}}).status == 200
    assert api.get("configmaps", "a").status == 404


def test_deleting_answers_a_status_or_the_object(api: Api) -> None:
    uid = api.create("configmaps", config_map()).json["metadata"]["uid"]
    gone = api.delete("configmaps", "a").json
    assert (gone["kind"], gone["status"]) == ("Status", "Success")
    assert gone["details"] == {"name": "a", "kind": "configmaps", "uid": uid}
    api.create("pods", pod())
    assert api.delete("pods", "p").json["kind"] == "Pod"
    assert api.delete("pods", "p").status == 404


def test_preconditions_protect_a_namesake(api: Api) -> None:
    api.create("configmaps", config_map())
    refused = api.delete("configmaps", "a", body={"preconditions": {"uid": "somebody-else"}})
    assert (refused.status, refused.json["reason"]) == (409, "Conflict")
    assert api.get("configmaps", "a").status == 200


def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        api.create("configmaps", config_map(name, labels={"l": label}))
    assert api.server.request("DELETE", api.path("configmaps") + "?labelSelector=l%3Dx").status == 200
    left = api.server.request("GET", api.path("configmaps")).json["items"]
    assert [item["metadata"]["name"] for item in left] == ["c"]


def test_a_pod_is_bound_once(api: Api) -> None:
    api.create("pods", pod())

    def bind(node: str) -> Answer:
        target = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}}
        return api.server.request("POST", api.path("pods", "p/binding"), target)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(bind, [f"n{number}" for number in range(8)]))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    bound = api.get("pods", "p").json
    winner = bound["spec"]["nodeName"]
    assert [c["type"] for c in bound["status"]["conditions"]] == ["PodScheduled"]
    loser = next(answer for answer in answers if answer.status == 409)
    assert loser.json["message"] == (
        f'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "{winner}"'
    )


def test_eviction_terminates_gracefully(api: Api) -> None:
    api.create("pods", pod())
    target = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    api.server.request("POST", api.path("pods", "p/binding"), target)
    evicted = api.server.request("POST", api.path("pods", "p/eviction"), {"metadata": {"name": "p"}})
    assert (evicted.status, evicted.json["status"]) == (201, "Success")
    assert api.get("pods", "p").json["metadata"]["deletionGracePeriodSeconds"] == 30


def test_only_one_service_gets_a_node_port(api: Api) -> None:
    def create(number: int) -> Answer:
        spec = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 31234}]}
        return api.create("services", {"metadata": {"name": f"s{number}"}, "spec": spec})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [422] * 7
    refused = next(answer for answer in answers if answer.status == 422)
    assert "provided port is already allocated" in refused.json["message"]
    winner = next(answer for answer in answers if answer.status == 201).json["metadata"]["name"]
    assert api.delete("services", winner).status == 200
    assert create(9).status == 201


def test_addresses_are_unique_and_return(api: Api) -> None:
    def create(number: int) -> Any:
        made = api.create("services", {"metadata": {"name": f"s{number}"}, "spec": {"ports": [{"port": 80}]}})
        return made.json["spec"]["clusterIP"]

    with ThreadPoolExecutor(8) as threads:
        addresses = list(threads.map(create, range(40)))
    assert len(set(addresses)) == 40
    api.delete("services", "s0")
    spec = {"clusterIP": addresses[0], "ports": [{"port": 80}]}
    assert api.create("services", {"metadata": {"name": "again"}, "spec": spec}).status == 201


def test_namespaces_terminate(api: Api) -> None:
    api.create("configmaps", config_map())
    path = f"/api/v1/namespaces/{api.namespace}"
    assert api.server.request("DELETE", path).json["status"]["phase"] == "Terminating"
    refused = api.create("configmaps", config_map("b"))
    assert refused.status == 403
    assert refused.json["message"] == (
        f'configmaps "b" is forbidden: unable to create new content in namespace {api.namespace} '
        "because it is being terminated"
    )
    assert api.create("configmaps", config_map("c"), "?dryRun=All").status == 403
    finalized = {"metadata": {"name": api.namespace}, "spec": {"finalizers": []}}
    assert api.server.request("PUT", f"{path}/finalize", finalized).status == 200
    assert api.server.request("GET", path).status == 404
    absent = api.create("configmaps", config_map("d"))
    assert absent.json["message"] == f'namespaces "{api.namespace}" not found'


def test_warnings_and_strictness(api: Api) -> None:
    body = config_map() | {"datum": 1}
    warned = api.create("configmaps", body)
    assert warned.status == 201
    assert warned.headers["Warning"] == r'299 - "unknown field \"datum\""'
    refused = api.create("configmaps", config_map("b") | {"datum": 1}, "?fieldValidation=Strict")
    assert refused.status == 400
    assert api.get("configmaps", "b").status == 404


def test_leases_insist_on_a_revision_and_come_into_being_by_update(api: Api) -> None:
    group = "coordination.k8s.io"
    path = api.path("leases", "l", group)
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "x"}}
    made = api.create("leases", lease, group=group).json
    unconditional = api.server.request("PUT", path, lease)
    assert unconditional.status == 422
    assert "must be specified for an update" in unconditional.json["message"]
    assert api.server.request("PUT", path, made).status == 200


def test_updates_of_the_absent(api: Api) -> None:
    assert api.server.request("PUT", api.path("configmaps", "zz"), config_map("zz")).status == 404
    endpoints = {"metadata": {"name": "e"}, "subsets": []}
    assert api.server.request("PUT", api.path("endpoints", "e"), endpoints).status == 201


def test_both_faces_of_an_event(api: Api) -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": api.namespace},
        "reason": "Started",
        "message": "it runs",
        "type": "Normal",
    }
    assert api.create("events", event).status == 201
    other = api.get("events", "e", "events.k8s.io").json
    assert (other["apiVersion"], other["note"], other["regarding"]["name"]) == (
        "events.k8s.io/v1",
        "it runs",
        "p",
    )
    query = "?fieldSelector=regarding.name%3Dp"
    listed = api.server.request("GET", api.path("events", group="events.k8s.io") + query).json
    assert [item["note"] for item in listed["items"]] == ["it runs"]


def test_events_written_through_their_own_group_are_complete_and_stay_as_they_were(api: Api) -> None:
    path = api.path("events", group="events.k8s.io")
    sent = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "told"},
        "regarding": {"kind": "Pod", "name": "p", "namespace": api.namespace},
        "reason": "Started",
    }
    refused = api.server.request("POST", path, sent)
    assert refused.status == 422
    assert {cause["field"] for cause in refused.json["details"]["causes"]} == {"eventTime", "type"}
    whole = {
        **sent,
        "type": "Normal",
        "action": "Start",
        "reportingController": "test",
        "reportingInstance": "test-1",
        "eventTime": "2024-01-01T00:00:00.000000Z",
    }
    assert api.server.request("POST", path, whole).status == 201
    series = {"series": {"count": 2, "lastObservedTime": "2024-01-01T00:00:09.000000Z"}}
    merge = {"Content-Type": "application/merge-patch+json"}
    assert api.server.request("PATCH", f"{path}/told", series, headers=merge).json["series"]["count"] == 2
    changed = api.server.request("PATCH", f"{path}/told", {"note": "other"}, headers=merge)
    assert [cause["field"] for cause in changed.json["details"]["causes"]] == ["message"]


def test_tokens_authenticate_until_their_pod_is_gone(api: Api) -> None:
    uid = api.create("pods", pod()).json["metadata"]["uid"]
    wanted = {"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid}}}
    path = api.path("serviceaccounts", "default/token")
    token = api.server.request("POST", path, wanted).json["status"]["token"]

    def whoami() -> Answer:
        return api.server.request(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {},
            identity=None,
            headers={"Authorization": f"Bearer {token}"},
        )

    user = whoami().json["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{api.namespace}:default"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    review = {"spec": {"token": token}}
    reviewed = api.server.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).json["status"]
    assert (reviewed["authenticated"], reviewed["user"]["username"]) == (True, user["username"])
    api.delete("pods", "p")
    assert whoami().status == 401
    short = api.server.request("POST", path, {"spec": {"expirationSeconds": 10}})
    assert short.status == 422


def test_access_reviews(api: Api) -> None:
    asked = {"verb": "get", "resource": "secrets", "namespace": api.namespace}
    group = "authorization.k8s.io"
    mine = api.server.request(
        "POST", f"/apis/{group}/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": asked}}
    )
    assert mine.json["status"]["allowed"]
    theirs = {"spec": {"user": "jane", "resourceAttributes": asked}}
    answer = api.server.request("POST", f"/apis/{group}/v1/subjectaccessreviews", theirs)
    assert answer.json["status"]["allowed"] is False
    rules = api.server.request(
        "POST", f"/apis/{group}/v1/selfsubjectrulesreviews", {"spec": {"namespace": api.namespace}}
    )
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in rules.json["status"]["resourceRules"]


def test_a_kubelet_that_lies_about_another_node(api: Api) -> None:
    api.server.authority.issue_node("liar")
    api.create("pods", pod("other"))
    target = {"metadata": {"name": "other"}, "target": {"kind": "Node", "name": "honest"}}
    api.server.request("POST", api.path("pods", "other/binding"), target)

    def as_liar(method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        return api.server.request(method, path, body, identity="kubelet-liar", content_type=kind)

    node = {"metadata": {"name": "honest"}}
    refused = as_liar("POST", "/api/v1/nodes", node)
    assert refused.json["message"].endswith('node "liar" is not allowed to modify node "honest"')
    assert as_liar("POST", "/api/v1/nodes", {"metadata": {"name": "liar"}}).status == 201
    status = api.path("pods", "other/status")
    assert as_liar("PATCH", status, {"status": {"phase": "Failed"}}, MERGE).status == 403
    assert as_liar("DELETE", api.path("pods", "other")).status == 403
    lease = {"metadata": {"name": "honest"}, "spec": {"holderIdentity": "liar"}}
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    assert as_liar("POST", leases, lease).status == 403
    assert api.get("pods", "other").json["status"]["phase"] == "Pending"


def test_oversized_objects(api: Api) -> None:
    body = json.dumps(config_map() | {"data": {"k": "x" * (3 * 1024 * 1024)}}).encode()
    assert api.create("configmaps", body).status == 413
    assert api.create("configmaps", config_map() | {"data": {"k": "x" * 1_100_000}}).status == 422
    assert api.get("configmaps", "a").status == 404
