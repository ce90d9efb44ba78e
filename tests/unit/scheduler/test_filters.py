import pytest
from msgspec.structs import replace

from scheduler.pod_info import pod_info
from tests.support.objects import namespace, node, pod
from tests.support.scheduling import feasible, snapshot


def test_a_pod_fits_where_its_requests_are_free():
    state = snapshot([node("a", cpu="2"), node("b", cpu="1")], [pod("old", cpu="1500m", on="a")])
    assert feasible(state, pod("p", cpu="500m")) == {"a", "b"}
    assert feasible(state, pod("p", cpu="600m")) == {"b"}
    assert feasible(state, pod("p", cpu="2")) == set()


def test_extended_resources_and_the_number_of_pods_count():
    state = snapshot([node("a", **{"example.com/gpu": "1"}), node("b", pods="1")], [pod("old", on="b")])
    assert feasible(state, pod("p", requests={"example.com/gpu": "1"})) == {"a"}
    assert feasible(state, pod("p")) == {"a"}


def test_a_placed_pod_is_taken_off_again():
    state = snapshot([node("a", cpu="1")])
    old = pod("old", cpu="1", on="a")
    state.place(pod_info(old), "a")
    assert feasible(state, pod("p", cpu="1")) == set()
    state.displace(old.metadata.uid)
    assert feasible(state, pod("p", cpu="1")) == {"a"}


def test_pods_seen_before_their_node_are_counted_when_it_comes():
    state = snapshot([], [pod("old", cpu="3", on="late")])
    state.put_node(node("late", cpu="4"))
    assert feasible(state, pod("p", cpu="2")) == set()
    assert feasible(state, pod("p", cpu="1")) == {"late"}


def test_the_columns_grow_past_their_first_size():
    state = snapshot([node(f"n{number}") for number in range(200)], [pod("old", cpu="4", on="n150")])
    assert len(feasible(state, pod("p", cpu="1"))) == 199


def test_cordoned_nodes_take_only_what_tolerates_it():
    state = snapshot([node("a", unschedulable=True), node("b")])
    assert feasible(state, pod("p")) == {"b"}
    toleration = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}
    assert feasible(state, pod("p", tolerations=[toleration])) == {"a", "b"}


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "k", "operator": "Equal", "value": "v", "effect": "NoSchedule"}, True),
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "other"}, False),
        ({"key": "k", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "j", "operator": "Exists"}, False),
    ],
)
def test_taints_need_toleration(toleration, tolerated):
    state = snapshot([node("a", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}])])
    assert (feasible(state, pod("p", tolerations=[toleration])) == {"a"}) is tolerated


def test_preferred_taints_keep_nobody_away():
    state = snapshot([node("a", taints=[{"key": "k", "effect": "PreferNoSchedule"}])])
    assert feasible(state, pod("p")) == {"a"}


def test_node_selector_and_node_name():
    state = snapshot([node("a", labels={"disk": "ssd"}), node("b")])
    assert feasible(state, pod("p", nodeSelector={"disk": "ssd"})) == {"a"}
    assert feasible(state, pod("p", nodeSelector={"disk": "hdd"})) == set()


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ({"key": "tier", "operator": "In", "values": ["1", "5"]}, {"a"}),
        ({"key": "tier", "operator": "NotIn", "values": ["1"]}, {"b", "c"}),
        ({"key": "tier", "operator": "Exists"}, {"a", "b"}),
        ({"key": "tier", "operator": "DoesNotExist"}, {"c"}),
        ({"key": "tier", "operator": "Gt", "values": ["1"]}, {"b"}),
        ({"key": "tier", "operator": "Lt", "values": ["2"]}, {"a"}),
    ],
)
def test_node_affinity_operators(requirement, expected):
    state = snapshot([node("a", labels={"tier": "1"}), node("b", labels={"tier": "2"}), node("c")])
    assert feasible(state, pod("p", affinity=node_affinity([{"matchExpressions": [requirement]}]))) == expected


def test_node_affinity_terms_are_alternatives_and_empty_ones_match_nothing():
    state = snapshot([node("a", labels={"x": "1"}), node("b", labels={"y": "1"}), node("c")])
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in "xy"]
    assert feasible(state, pod("p", affinity=node_affinity(terms))) == {"a", "b"}
    assert feasible(state, pod("p", affinity=node_affinity([{}]))) == set()


def test_node_affinity_by_name():
    state = snapshot([node("a"), node("b")])
    field = {"key": "metadata.name", "operator": "In", "values": ["b"]}
    assert feasible(state, pod("p", affinity=node_affinity([{"matchFields": [field]}]))) == {"b"}


def node_affinity(terms):
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.mark.parametrize(
    ("taken", "wanted", "free"),
    [
        (("TCP", 80, ""), ("TCP", 80, ""), False),
        (("TCP", 80, ""), ("UDP", 80, ""), True),
        (("TCP", 80, ""), ("TCP", 81, ""), True),
        (("TCP", 80, "10.0.0.1"), ("TCP", 80, "10.0.0.2"), True),
        (("TCP", 80, "10.0.0.1"), ("TCP", 80, ""), False),
    ],
)
def test_host_ports_are_taken_once(taken, wanted, free):
    state = snapshot([node("a")], [with_port(pod_name="old", on="a", port=taken)])
    assert bool(feasible(state, with_port(pod_name="p", port=wanted))) is free


def with_port(*, pod_name, port, on=""):
    protocol, number, address = port
    ports = [{"containerPort": 1, "hostPort": number, "protocol": protocol, "hostIP": address}]
    return pod(pod_name, on=on, containers=[{"name": "c", "ports": ports}])


def zones(*names):
    return [node(f"{zone}{number}", labels={"zone": zone}) for zone in names for number in (1, 2)]


def spread(**more):
    constraint = {
        "topologyKey": "zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
        **more,
    }
    return pod("p", labels={"app": "web"}, topologySpreadConstraints=[constraint])


def web(on, **more):
    return pod(f"web-{on}", labels={"app": "web"}, on=on, **more)


def test_hard_spreading_evens_out_zones():
    state = snapshot(zones("x", "y"), [web("x1")])
    assert feasible(state, spread()) == {"y1", "y2"}
    state = snapshot(zones("x", "y"), [web("x1"), web("y1")])
    assert feasible(state, spread()) == {"x1", "x2", "y1", "y2"}


def test_hard_spreading_does_not_count_terminating_pods_nor_other_namespaces():
    going = web("x1", meta={"deletionTimestamp": "2024-01-01T00:00:00Z"})
    other = pod("o", namespace="other", labels={"app": "web"}, on="x1")
    state = snapshot(zones("x", "y"), [going, other])
    assert feasible(state, spread()) == {"x1", "x2", "y1", "y2"}


def test_hard_spreading_refuses_nodes_without_the_label():
    state = snapshot([*zones("x"), node("plain")], [])
    assert feasible(state, spread()) == {"x1", "x2"}


def test_min_domains_makes_missing_zones_count_as_empty():
    state = snapshot(zones("x"), [web("x1")])
    assert feasible(state, spread()) == {"x1", "x2"}
    assert feasible(state, spread(minDomains=2)) == set()


@pytest.mark.parametrize("merged", [[], [{"key": "rev", "operator": "In", "values": ["2"]}]])
def test_match_label_keys_spread_each_revision_by_itself(merged):
    """Pods stored before the API server merged them count as if it had."""
    old = pod("old", labels={"app": "web", "rev": "1"}, on="x1")
    new = pod("new", labels={"app": "web", "rev": "2"}, on="y1")
    constraint = {
        "topologyKey": "zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}, "matchExpressions": merged},
        "matchLabelKeys": ["rev"],
    }
    state = snapshot(zones("x", "y"), [old, new])
    wanted = pod("p", labels={"app": "web", "rev": "2"}, topologySpreadConstraints=[constraint])
    assert feasible(state, wanted) == {"x1", "x2"}


def test_spreading_counts_only_nodes_the_pod_may_use():
    """Zone y is out of reach by selector: it must not hold the pod back."""
    nodes = [node(n, labels={"zone": n[0], **({"ok": "1"} if n[0] == "x" else {})}) for n in ("x1", "x2", "y1")]
    state = snapshot(nodes, [web("x1")])
    wanted = spread()
    limited = replace(wanted, spec=replace(wanted.spec, node_selector={"ok": "1"}))
    assert feasible(state, limited) == {"x1", "x2"}


def required(kind, **term):
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "db"}}, **term}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_required_affinity_goes_where_the_company_is():
    state = snapshot(zones("x", "y"), [pod("db", labels={"app": "db"}, on="x1")])
    assert feasible(state, pod("p", affinity=required("podAffinity"))) == {"x1", "x2"}


def test_required_affinity_lets_the_first_of_a_group_in():
    state = snapshot(zones("x"))
    assert feasible(state, pod("p", affinity=required("podAffinity"))) == set()
    assert feasible(state, pod("p", labels={"app": "db"}, affinity=required("podAffinity"))) == {"x1", "x2"}


def test_required_anti_affinity_holds_in_both_directions():
    anti = required("podAntiAffinity")
    shy = pod("shy", labels={"app": "shy"}, on="x1", affinity=anti)
    state = snapshot(zones("x", "y"), [shy])
    assert feasible(state, pod("db", labels={"app": "db"})) == {"y1", "y2"}
    state = snapshot(zones("x", "y"), [pod("db", labels={"app": "db"}, on="x1")])
    assert feasible(state, pod("shy", affinity=anti)) == {"y1", "y2"}


def test_affinity_looks_into_the_namespaces_it_names():
    db = pod("db", namespace="data", labels={"app": "db"}, on="x1")
    spaces = [namespace("data", {"team": "a"}), namespace("default")]
    state = snapshot(zones("x", "y"), [db], spaces)
    assert feasible(state, pod("p", affinity=required("podAffinity"))) == set()
    assert feasible(state, pod("p", affinity=required("podAffinity", namespaces=["data"]))) == {"x1", "x2"}
    for selector in ({"matchLabels": {"team": "a"}}, {}):
        wanted = pod("p", affinity=required("podAffinity", namespaceSelector=selector))
        assert feasible(state, wanted) == {"x1", "x2"}
    wanted = pod("p", affinity=required("podAffinity", namespaceSelector={"matchLabels": {"team": "b"}}))
    assert feasible(state, wanted) == set()
