"""Controllers at work: rollouts by strategy, ownership, garbage, namespaces, endpoints, service accounts."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.cluster import eventually
from tests.support.kube import Space, Tree
from tests.support.manifests import WEB, config_map, container, deployment, pod, secret, service, web
from tests.support.patience import Follower


def _names(space: Space, word: str, labels: str = "") -> set[str]:
    return {tree["metadata"]["name"] for tree in space.list(word, labels)}


def _living(trees: list[Tree]) -> int:
    return sum("deletionTimestamp" not in tree["metadata"] for tree in trees)


def _available(trees: list[Tree]) -> int:
    conditions = [
        condition
        for tree in trees
        for condition in tree["status"].get("conditions", ())
        if "deletionTimestamp" not in tree["metadata"]
    ]
    return sum(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def test_a_rolling_update_keeps_within_its_bounds(space: Space) -> None:
    strategy = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}
    probe = {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1, "timeoutSeconds": 10}}
    space.create(deployment("web", container(**probe), replicas=4, spec=strategy))
    space.wait_deployment("web")
    counts: list[tuple[int, int]] = []

    def look(pods: dict[str, Tree]) -> None:
        trees = list(pods.values())
        counts.append((_living(trees), _available(trees)))

    with Follower(space.cluster, space.path("pods"), look):
        space.kubectl("set", "env", "deployment/web", "A=b")
        space.wait_deployment("web")
    assert max(living for living, _ in counts) <= 5
    assert min(available for _, available in counts) >= 3
    assert len(space.list("replicasets", "app=web")) == 2


def test_recreate_ends_the_old_before_the_new(space: Space) -> None:
    grace = {"terminationGracePeriodSeconds": 1}
    space.create(deployment("web", container(), replicas=2, spec={"strategy": {"type": "Recreate"}}, **grace))
    space.wait_deployment("web")
    old = _names(space, "pods", "app=web")

    def look(pods: dict[str, Tree]) -> None:
        # One that has ended and is still shown runs nothing any more.
        running = {name for name, tree in pods.items() if tree["status"].get("phase") not in ("Succeeded", "Failed")}
        assert not (running & old and pods.keys() - old), sorted(pods)

    with Follower(space.cluster, space.path("pods"), look):
        space.kubectl("set", "env", "deployment/web", "A=b")
        eventually("new pods", lambda: len(_names(space, "pods", "app=web") - old) == 2)
        space.wait_deployment("web")


def test_a_lost_pod_is_replaced_and_a_strange_one_adopted(space: Space) -> None:
    space.create(deployment("web", container(WEB), replicas=2))
    space.wait_deployment("web")
    [replica_set] = space.list("replicasets", "app=web")
    labels = replica_set["spec"]["selector"]["matchLabels"]
    lost = sorted(_names(space, "pods", "app=web"))[0]
    space.delete("pods", lost)
    eventually("replaced", lambda: lost not in _names(space, "pods", "app=web") and len(_names(space, "pods")) == 2)
    space.wait_deployment("web")
    # One whose labels leave the selector is replaced too, and left alone.
    freed = sorted(_names(space, "pods", "app=web"))[0]
    space.merge("pods", freed, {"metadata": {"labels": {"app": "freed"}}})
    space.wait("orphaned", "pods", freed, lambda tree: "ownerReferences" not in tree["metadata"])
    eventually("three, one of them free", lambda: len(_names(space, "pods")) == 3, state=space.story)
    space.wait_deployment("web")
    # One that matches is adopted, and then is one too many.
    space.create(pod("strange", labels=labels))
    eventually("two again", lambda: len(_names(space, "pods", "app=web")) == 2, state=space.story)
    space.wait("told", "replicasets", replica_set["metadata"]["name"], lambda tree: tree["status"]["replicas"] == 2)


def test_history_is_kept_short(space: Space) -> None:
    space.create(deployment("web", container(), replicas=0, spec={"revisionHistoryLimit": 1}))
    for number in range(4):
        space.kubectl("set", "env", "deployment/web", f"A={number}")
        space.wait(
            "seen",
            "deployments",
            "web",
            lambda d: d["status"].get("observedGeneration") == d["metadata"]["generation"],
        )
    eventually("two sets", lambda: len(space.list("replicasets")) == 2)


def test_deleting_in_the_background_takes_what_is_owned(space: Space) -> None:
    space.create(deployment("web", container(), replicas=2))
    space.wait_deployment("web")
    assert space.kubectl("delete", "deployment", "web") == 'deployment.apps "web" deleted\n'
    eventually("nothing left", lambda: not space.list("replicasets") and not space.list("pods"))


def test_deleting_and_leaving_orphans(space: Space) -> None:
    space.create(deployment("web", container(), replicas=1))
    space.wait_deployment("web")
    space.kubectl("delete", "deployment", "web", "--cascade=orphan")
    assert space.find("deployments", "web") is None
    [replica_set] = space.list("replicasets")
    assert "ownerReferences" not in replica_set["metadata"]
    assert _living(space.list("pods")) == 1
    # A new Deployment of the same selector adopts it.
    space.create(deployment("web", container(), replicas=1))
    space.wait_deployment("web")
    [adopted] = space.list("replicasets")
    assert adopted["metadata"]["uid"] == replica_set["metadata"]["uid"]
    assert adopted["metadata"]["ownerReferences"][0]["name"] == "web"


def test_deleting_in_the_foreground_waits_for_what_is_owned(space: Space) -> None:
    space.create(deployment("web", container(), replicas=1))
    space.wait_deployment("web")
    [held] = _names(space, "pods")
    space.merge("pods", held, {"metadata": {"finalizers": ["e2e.example/hold"]}})
    space.delete("deployments", "web", propagationPolicy="Foreground")
    space.wait("going", "pods", held, lambda tree: tree["metadata"].get("deletionTimestamp"))
    tree = space.get("deployments", "web")
    assert tree["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert tree["metadata"]["deletionTimestamp"]
    assert len(space.list("replicasets")) == 1
    space.merge("pods", held, {"metadata": {"finalizers": None}})
    eventually("gone", lambda: space.find("deployments", "web") is None, interval=0.01)
    assert space.list("pods") == [] and space.list("replicasets") == []


def test_finalizers_hold_an_object(space: Space) -> None:
    tree = config_map("held", a="1")
    tree["metadata"]["finalizers"] = ["e2e.example/hold"]
    space.create(tree)
    space.delete("cm", "held")
    held = space.get("cm", "held")
    assert held["metadata"]["deletionTimestamp"]
    # Deleting again changes nothing, and no finalizer can be added any more.
    space.delete("cm", "held")
    path = space.path("cm", "held")
    more = {"metadata": {"finalizers": ["e2e.example/hold", "e2e.example/more"]}}
    refusal = space.api.request("PATCH", path, more, "application/merge-patch+json")
    assert refusal.code == 422, refusal.body
    space.merge("cm", "held", {"metadata": {"finalizers": None}})
    assert space.find("cm", "held") is None


def test_an_object_whose_owner_is_not_there_goes(space: Space) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "00000000-0000-0000-0000-000000000000"}
    tree = config_map("orphan", a="1")
    tree["metadata"]["ownerReferences"] = [owner]
    space.create(tree)
    space.gone("cm", "orphan")
    # Of several owners the last one that is there keeps it.
    one = space.create(config_map("one", a="1"))
    tree["metadata"]["ownerReferences"] = [owner, {**owner, "name": "one", "uid": one["metadata"]["uid"]}]
    space.create(tree, config_map("witness", a="1"))
    space.wait("cleared", "cm", "orphan", lambda tree: len(tree["metadata"]["ownerReferences"]) == 1)
    space.delete("cm", "one")
    space.gone("cm", "orphan")


def test_deleting_a_namespace_empties_it(make_space: Callable[[], Space]) -> None:
    space = make_space()
    held = config_map("held", a="1")
    held["metadata"]["finalizers"] = ["e2e.example/hold"]
    space.create(
        deployment("web", container(WEB), replicas=2),
        service("web"),
        config_map("one", a="1"),
        secret("two", a="1"),
        held,
    )
    space.kubectl("create", "role", "r", "--verb=get", "--resource=pods")
    space.wait_deployment("web")
    space.delete("namespaces", space.name)
    assert space.get("namespaces", space.name)["status"]["phase"] == "Terminating"
    refusal = space.api.request("POST", space.path("cm"), config_map("late", a="1"))
    assert (refusal.code, refusal.tree["reason"]) == (403, "Forbidden")
    assert "because it is being terminated" in refusal.tree["message"]
    kinds = (
        "pods",
        "deployments",
        "replicasets",
        "services",
        "endpointslices",
        "endpoints",
        "secrets",
        "roles",
        "events",
    )
    eventually("empty", lambda: all(not space.list(kind) for kind in kinds))
    eventually("only what is held", lambda: _names(space, "cm") == {"held"})

    def told(tree: Tree) -> bool:
        conditions = {c["type"]: c for c in tree["status"].get("conditions", ())}
        return conditions.get("NamespaceFinalizersRemaining", {}).get("status") == "True"

    space.wait("telling what it waits for", "namespaces", space.name, told)
    space.merge("cm", "held", {"metadata": {"finalizers": None}})
    space.gone("namespaces", space.name)


def test_namespaces_come_with_what_pods_need(space: Space) -> None:
    account = space.get("serviceaccounts", "default")
    authority = (space.cluster.directory / "pki" / "ca.crt").read_text()
    space.wait("there", "cm", "kube-root-ca.crt", lambda tree: tree["data"] == {"ca.crt": authority})
    space.delete("serviceaccounts", "default")
    space.delete("cm", "kube-root-ca.crt")
    again = space.wait("back", "serviceaccounts", "default", bool)
    assert again["metadata"]["uid"] != account["metadata"]["uid"]
    space.wait("back", "cm", "kube-root-ca.crt", lambda tree: tree["data"] == {"ca.crt": authority})
    space.merge("cm", "kube-root-ca.crt", {"data": {"ca.crt": "forged"}})
    space.wait("restored", "cm", "kube-root-ca.crt", lambda tree: tree["data"] == {"ca.crt": authority})


def test_endpoints_without_a_selector_are_the_users(space: Space) -> None:
    space.create(pod("web", web()), pod("client"))
    [tree, _] = space.wait_running("web", "client")
    tree_of_service = service("manual")
    del tree_of_service["spec"]["selector"]
    space.create(tree_of_service)
    subset = {"addresses": [{"ip": tree["status"]["podIP"]}], "ports": [{"port": 8080}]}
    space.create({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "manual"}, "subsets": [subset]})
    space.wait_endpoints("manual", 1)
    [mirrored] = space.list("endpointslices", "kubernetes.io/service-name=manual")
    assert mirrored["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == (
        "endpointslicemirroring-controller.k8s.io"
    )
    get = ("exec", "client", "--", "timeout", "2", "wget", "-q", "-O", "-", "http://manual")
    eventually("answer", lambda: space.run(*get).stdout == "web\n")
