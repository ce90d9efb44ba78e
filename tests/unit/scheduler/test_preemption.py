import pytest
from msgspec.structs import replace

from api import codec
from api.types import PodDisruptionBudget
from scheduler.queue import Place
from scheduler.statuses import disruption_patch, unschedulable_patch
from tests.support.objects import node, pod
from tests.support.scheduling import choose, core, snapshot

NOW = "2024-05-01T12:00:00Z"
CONDITION = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}


def scheduler_with(nodes, pods):
    scheduler = core(nodes)
    for each in pods:
        scheduler.pod_changed(None, each, 0.0)
    return scheduler


def going(original):
    """A victim on its way out."""
    tree = codec.to_tree(original)
    tree["metadata"]["deletionTimestamp"] = NOW
    tree["status"]["conditions"] = [CONDITION]
    return codec.from_tree(type(original), tree)


def nominated(original, on):
    return replace(original, status=replace(original.status, nominated_node_name=on))


def names(pods):
    return sorted(each.pod.metadata.name for each in pods)


def test_the_least_important_pod_goes_and_the_room_is_kept():
    low, lower = pod("low", cpu="2", on="a", priority=5), pod("lower", cpu="2", on="b", priority=1)
    scheduler = scheduler_with([node("a", cpu="2"), node("b", cpu="2")], [low, lower])
    high = pod("high", cpu="2", priority=10)
    scheduler.pod_changed(None, high, 0.0)
    decision = scheduler.step(0.0)
    assert decision.outcome.message == "0/2 nodes are available: 2 Insufficient cpu."
    assert decision.outcome.nomination.node == "b"
    assert names(decision.outcome.nomination.victims) == ["lower"]
    # Nobody of the same importance may take the room.
    scheduler.pod_changed(None, pod("small", cpu="1", priority=10), 1.0)
    scheduler.pod_changed(lower, None, 1.0)
    first, second = scheduler.step(1.0), scheduler.step(1.0)
    outcomes = {each.queued.pod.pod.metadata.name: each.outcome for each in (first, second)}
    assert outcomes["high"].node == "b"
    assert outcomes["small"].nomination.node == "a"
    assert (scheduler.snapshot.placed, len(scheduler.snapshot.nominated)) == (2, 1)


def test_while_its_victim_takes_its_time_a_pod_has_no_other_removed():
    victim, other = pod("victim", cpu="2", on="a"), pod("other", cpu="2", on="b", priority=1)
    scheduler = scheduler_with([node("a", cpu="2"), node("b", cpu="2")], [victim, other])
    high = pod("high", cpu="2", priority=10)
    scheduler.pod_changed(None, high, 0.0)
    assert scheduler.step(0.0).outcome.nomination.node == "a"
    scheduler.pod_changed(victim, going(victim), 0.1)
    scheduler.pod_changed(high, nominated(high, "a"), 0.2)
    queued = scheduler.queue.get(high.metadata.uid)
    scheduler.queue.retry(queued, 5.0, "test")
    outcome = scheduler.step(5.0).outcome
    assert outcome.nomination is None
    assert outcome.message.endswith("preemption: not eligible due to a terminating pod on the nominated node.")
    assert scheduler.snapshot.nominated[high.metadata.uid].node == "a"


def test_who_must_never_preempt_waits():
    state = snapshot([node("a", cpu="1")], [pod("low", cpu="1", on="a")])
    message = choose(state, pod("polite", cpu="1", priority=10, preemptionPolicy="Never"))
    assert message == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
    )


def test_the_message_counts_why_removing_pods_would_not_do():
    nodes = [node("a", cpu="1"), node("b", cpu="2"), node("c", taints=[{"key": "k", "effect": "NoSchedule"}])]
    old = [
        pod("equal", cpu="1", on="a", priority=10),
        pod("low", cpu="1", on="b"),
        pod("high", cpu="1", on="b", priority=9),
    ]
    message = choose(snapshot(nodes, old), pod("p", cpu="1500m", priority=5))
    assert message == (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. "
        "preemption: 0/3 nodes are available: 1 Insufficient cpu, 2 Preemption is not helpful for scheduling."
    )


def test_a_more_important_pod_takes_the_room_that_was_made_for_another():
    victim = pod("victim", cpu="2", on="a")
    scheduler = scheduler_with([node("a", cpu="2")], [victim])
    middle, top = pod("middle", cpu="2", priority=5), pod("top", cpu="2", priority=10)
    scheduler.pod_changed(None, middle, 0.0)
    assert scheduler.step(0.0).outcome.nomination.node == "a"
    scheduler.pod_changed(None, top, 0.1)
    decision = scheduler.step(0.1)
    assert decision.outcome.nomination.node == "a"
    assert [each.pod.pod.metadata.name for each in decision.denominated] == ["middle"]
    assert set(scheduler.snapshot.nominated) == {top.metadata.uid}
    scheduler.pod_changed(victim, None, 0.2)
    decided = {}
    while (decision := scheduler.step(3.0)) is not None:
        decided[decision.queued.pod.pod.metadata.name] = decision.outcome
    assert decided["top"].node == "a"
    assert decided["middle"].nomination is None


@pytest.mark.parametrize(("selector", "labels"), [({"matchLabels": {"app": "guarded"}}, {"app": "guarded"}), ({}, {})])
def test_budgets_are_respected_where_there_is_a_choice(selector, labels):
    budget = {
        "metadata": {"name": "b", "namespace": "default"},
        "spec": {"selector": selector},
        "status": {"disruptionsAllowed": 0},
    }
    guarded = pod("guarded", cpu="2", on="a", labels=labels)
    free = pod("free", namespace="other", cpu="2", on="b", priority=3)
    scheduler = scheduler_with([node("a", cpu="2"), node("b", cpu="2")], [guarded, free])
    scheduler.budget_changed(None, codec.from_tree(PodDisruptionBudget, budget))
    scheduler.pod_changed(None, pod("high", cpu="2", priority=10), 0.0)
    assert scheduler.step(0.0).outcome.nomination.node == "b"
    scheduler.pod_changed(None, pod("next", cpu="2", priority=10), 0.0)
    assert names(scheduler.step(0.0).outcome.nomination.victims) == ["guarded"]  # for want of a choice


def test_the_room_is_kept_over_a_restart():
    high = nominated(pod("high", cpu="2", priority=10), "a")
    scheduler = scheduler_with([node("a", cpu="2")], [high])
    assert scheduler.snapshot.nominated[high.metadata.uid].node == "a"
    scheduler.pod_changed(None, pod("small", cpu="1", priority=10), 0.0)
    scheduler.step(0.0)
    assert "Insufficient cpu" in scheduler.step(0.0).outcome.message


def test_when_victims_cannot_be_removed_room_is_looked_for_anew():
    scheduler = scheduler_with([node("a", cpu="1")], [pod("low", cpu="1", on="a")])
    high = pod("high", cpu="1", priority=10)
    scheduler.pod_changed(None, high, 0.0)
    nomination = scheduler.step(0.0).outcome.nomination
    scheduler.preemption_failed(high.metadata.uid, nomination, 0.5)
    assert not scheduler.snapshot.nominated
    assert scheduler.queue.get(high.metadata.uid).place is Place.BACKOFF


def test_a_deleted_pod_gives_up_its_room():
    scheduler = scheduler_with([node("a", cpu="1")], [pod("low", cpu="1", on="a")])
    high = pod("high", cpu="1", priority=10)
    scheduler.pod_changed(None, high, 0.0)
    scheduler.step(0.0)
    scheduler.pod_changed(high, None, 1.0)
    assert not scheduler.snapshot.nominated


def test_company_that_would_go_is_no_company():
    """A pod must not have the very pod removed that it wants to be with."""
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    together = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    state = snapshot([node("a", cpu="2")], [pod("db", cpu="2", labels={"app": "db"}, on="a")])
    message = choose(state, pod("p", cpu="1", priority=10, affinity=together))
    assert "preemption: 0/1 nodes are available: 1 node(s) didn't match pod affinity rules." in message


def test_what_victims_and_preemptors_are_told():
    patch = disruption_patch(pod("v"), "default-scheduler", NOW)
    (condition,) = patch["status"]["conditions"]
    assert condition == {
        **CONDITION,
        "message": "default-scheduler: preempting to accommodate a higher priority pod",
        "lastTransitionTime": NOW,
    }
    assert disruption_patch(pod("v", status={"conditions": [condition]}), "default-scheduler", NOW) is None
    patch = unschedulable_patch(pod("p"), "why", NOW, nominated="a")
    assert patch["status"]["nominatedNodeName"] == "a"
    told = pod("p", status={"nominatedNodeName": "a", "conditions": patch["status"]["conditions"]})
    assert unschedulable_patch(told, "why", NOW, nominated="a") is None
    assert unschedulable_patch(told, "why", NOW, nominated="")["status"] == {"nominatedNodeName": None}


def test_one_pod_is_removed_for_each_even_before_the_first_is_seen_going():
    scheduler = scheduler_with([node("a", cpu="4")], [pod(f"low-{i}", cpu="1", on="a") for i in range(4)])
    for number in range(3):
        scheduler.pod_changed(None, pod(f"high-{number}", cpu="1", priority=10), 0.0)
    victims = [names(scheduler.step(0.0).outcome.nomination.victims) for _ in range(3)]
    assert [len(each) for each in victims] == [1, 1, 1]
    assert len({name for each in victims for name in each}) == 3
