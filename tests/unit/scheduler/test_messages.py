from scheduler.statuses import unschedulable_patch
from tests.support.objects import node, pod
from tests.support.scheduling import choose, snapshot

NOW = "2024-05-01T12:00:00Z"


def test_each_node_is_counted_for_the_first_reason_against_it():
    tainted = node("a", cpu="1", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}])
    state = snapshot([tainted, node("b", cpu="1"), node("c", cpu="4", memory="1Gi")], [pod("o", cpu="3", on="c")])
    assert choose(state, pod("p", cpu="2")) == (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. "
        "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling."
    )


def test_a_node_short_of_two_things_is_counted_for_both():
    state = snapshot([node("a", cpu="1", memory="1Gi")])
    message = choose(state, pod("p", cpu="2", memory="2Gi"))
    assert message.startswith("0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. preemption: ")


def test_a_node_with_company_that_is_shunned_from_both_sides_is_counted_once():
    term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    state = snapshot([node("a")], [pod("o", on="a", labels={"app": "x"}, affinity=apart)])
    assert choose(state, pod("p", labels={"app": "x"}, affinity=apart)) == (
        "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. "
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )


def test_affinity_and_cordon_have_their_words():
    state = snapshot([node("a", unschedulable=True), node("b")])
    assert choose(state, pod("p", nodeSelector={"x": "y"})) == (
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable. "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )


def test_a_cluster_without_nodes():
    assert choose(snapshot([]), pod("p")) == "no nodes available to schedule pods"


def test_the_condition_is_written_once_and_keeps_its_transition_time():
    waiting = pod("p")
    patch = unschedulable_patch(waiting, "why", NOW)
    assert patch is not None
    (condition,) = patch["status"]["conditions"]
    assert condition["type"] == "PodScheduled"
    assert (condition["status"], condition["reason"], condition["message"]) == ("False", "Unschedulable", "why")
    assert condition["lastTransitionTime"] == NOW
    told = pod("p", status={"conditions": [{**condition, "lastTransitionTime": "2024-01-01T00:00:00Z"}]})
    assert unschedulable_patch(told, "why", NOW) is None
    again = unschedulable_patch(told, "another reason", NOW)
    assert again is not None
    assert again["status"]["conditions"][0]["lastTransitionTime"] == "2024-01-01T00:00:00Z"
