from collections import Counter

from scheduler.pod_info import pod_info
from tests.support.objects import node, owner, pod, replica_set, service
from tests.support.scheduling import choose, scores, snapshot


def test_emptier_nodes_are_better():
    state = snapshot([node("a", cpu="4"), node("b", cpu="4")], [pod("old", cpu="2", memory="1Gi", on="a")])
    result = scores(state, pod("p", cpu="1", memory="1Gi"), "NodeResourcesFit")
    # a: cpu (4-3)/4 = 25, memory (8-2)/8 = 75; b: cpu 75, memory 87.
    assert result == {"a": 50, "b": 81}


def test_balanced_nodes_are_better():
    state = snapshot([node("a", cpu="4", memory="4Gi"), node("b", cpu="4", memory="16Gi")])
    result = scores(state, pod("p", cpu="2", memory="2Gi"), "NodeResourcesBalancedAllocation")
    assert result == {"a": 100, "b": 81}
    assert scores(state, pod("p"), "NodeResourcesBalancedAllocation") == {}


def test_preferred_node_affinity_adds_up_weights():
    state = snapshot([node("a", labels={"x": "1", "y": "1"}), node("b", labels={"x": "1"}), node("c")])
    preferred = [
        {"weight": weight, "preference": {"matchExpressions": [{"key": key, "operator": "Exists"}]}}
        for key, weight in (("x", 10), ("y", 30))
    ]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    assert scores(state, pod("p", affinity=affinity), "NodeAffinity") == {"a": 100, "b": 25, "c": 0}


def test_nodes_with_preferences_against_the_pod_are_worse():
    taints = [{"key": key, "effect": "PreferNoSchedule"} for key in "xy"]
    state = snapshot([node("a", taints=taints), node("b", taints=taints[:1]), node("c")])
    assert scores(state, pod("p"), "TaintToleration") == {"a": 0, "b": 50, "c": 100}


def test_preferred_company_counts_per_domain_and_in_both_directions():
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "db"}}}
    likes = {"podAffinity": weighted(term)}
    shuns = {"podAntiAffinity": weighted(term)}
    nodes = [node("a", labels={"zone": "x"}), node("b", labels={"zone": "y"})]
    state = snapshot(nodes, [pod("db", labels={"app": "db"}, on="a")])
    assert scores(state, pod("p", affinity=likes), "InterPodAffinity") == {"a": 100, "b": 0}
    assert scores(state, pod("p", affinity=shuns), "InterPodAffinity") == {"a": 0, "b": 100}
    state = snapshot(nodes, [pod("shy", on="a", affinity=shuns)])
    assert scores(state, pod("db", labels={"app": "db"}), "InterPodAffinity") == {"a": 0, "b": 100}


def weighted(term):
    return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": term}]}


def test_soft_spreading_prefers_the_emptier_zone():
    nodes = [node(f"{zone}{i}", labels={"zone": zone}) for zone in "xy" for i in (1, 2)]
    constraint = {
        "topologyKey": "zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    old = [pod(f"web{i}", labels={"app": "web"}, on="x1") for i in range(2)]
    state = snapshot([*nodes, node("plain")], old)
    wanted = pod("p", labels={"app": "web"}, topologySpreadConstraints=[constraint])
    result = scores(state, wanted, "PodTopologySpread")
    assert result["y1"] == result["y2"] == 100
    assert result["x1"] == result["x2"] == 0
    assert result["plain"] == 0  # it has no zone to count in


def test_pods_of_a_replica_set_are_spread_without_asking():
    replicas = replica_set("web", {"app": "web"})
    state = snapshot([node("a"), node("b")])
    state.workloads.put_owner(replicas)
    old = pod("old", labels={"app": "web"}, on="a", meta={"ownerReferences": [owner(replicas)]})
    new = pod("new", labels={"app": "web"}, meta={"ownerReferences": [owner(replicas)]})
    assert scores(state, new, "PodTopologySpread")["b"] == 100
    state.place(pod_info(old), "a")
    result = scores(state, new, "PodTopologySpread")
    assert result["b"] > result["a"]


def test_pods_of_a_service_are_spread_without_asking():
    state = snapshot([node("a"), node("b")], [pod("old", labels={"app": "web", "rev": "1"}, on="a")])
    new = pod("new", labels={"app": "web", "rev": "2"})
    assert scores(state, new, "PodTopologySpread") == {}
    state.workloads.put_service(service("web", {"app": "web"}))
    result = scores(state, new, "PodTopologySpread")
    assert result["b"] > result["a"]
    state.workloads.remove_service("default", "web")
    assert scores(state, new, "PodTopologySpread") == {}


def test_equals_are_drawn_by_lot():
    state = snapshot([node("a"), node("b"), node("c")])
    drawn = Counter(choose(state, pod("p"), seed) for seed in range(300))
    assert set(drawn) == {"a", "b", "c"}
    assert min(drawn.values()) > 50
