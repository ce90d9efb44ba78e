import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.queue import Place
from tests.support.objects import namespace, node, pod
from tests.support.scheduling import core, outcome_of


def bound(original, on):
    return replace(original, spec=replace(original.spec, node_name=on))


def test_a_chosen_pod_counts_at_once():
    scheduler = core([node("a", cpu="1")])
    for name in ("first", "second"):
        scheduler.pod_changed(None, pod(name, cpu="600m"), 0.0)
    assert outcome_of(scheduler) == "a"
    assert "Insufficient cpu" in outcome_of(scheduler)


def test_a_failed_binding_gives_the_place_back_and_retries_later():
    scheduler = core([node("a", cpu="1")])
    scheduler.pod_changed(None, pod("first", cpu="1"), 0.0)
    decision = scheduler.step(0.0)
    scheduler.pod_changed(None, pod("second", cpu="1"), 0.0)
    assert "Insufficient cpu" in outcome_of(scheduler)
    scheduler.binding_failed(decision.queued, 0.0)
    assert scheduler.snapshot.placed == 0
    assert outcome_of(scheduler) == "a"  # the second, helped by the freed place
    assert outcome_of(scheduler) is None  # the first backs off
    assert "Insufficient cpu" in outcome_of(scheduler, 1.0)


def test_the_failure_of_a_binding_that_is_seen_to_have_worked_is_ignored():
    scheduler = core([node("a", cpu="1")])
    first = pod("first", cpu="1")
    scheduler.pod_changed(None, first, 0.0)
    decision = scheduler.step(0.0)
    scheduler.pod_changed(first, bound(first, "a"), 0.0)
    scheduler.binding_failed(decision.queued, 0.0)
    assert scheduler.snapshot.placed == 1
    assert len(scheduler.queue) == 0


def test_a_pod_deleted_while_it_is_bound_is_forgotten():
    scheduler = core([node("a", cpu="1")])
    first = pod("first", cpu="1")
    scheduler.pod_changed(None, first, 0.0)
    decision = scheduler.step(0.0)
    scheduler.pod_changed(first, None, 0.0)
    scheduler.binding_failed(decision.queued, 0.0)
    assert (scheduler.snapshot.placed, scheduler.binding, len(scheduler.queue)) == (0, 0, 0)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_finished_pods_free_their_place(phase):
    scheduler = core([node("a", cpu="1")])
    old = pod("old", cpu="1", on="a")
    scheduler.pod_changed(None, old, 0.0)
    scheduler.pod_changed(None, pod("p", cpu="1"), 0.0)
    assert "Insufficient cpu" in outcome_of(scheduler)
    scheduler.pod_changed(old, replace(old, status=replace(old.status, phase=phase)), 1.0)
    assert outcome_of(scheduler, 1.0) == "a"


def test_other_schedulers_pods_and_pods_being_deleted_are_left_alone():
    scheduler = core([node("a")])
    scheduler.pod_changed(None, pod("theirs", schedulerName="other"), 0.0)
    going = pod("going")
    scheduler.pod_changed(None, going, 0.0)
    deleting = replace(going, metadata=replace(going.metadata, deletion_timestamp="2024-01-01T00:00:00Z"))
    scheduler.pod_changed(going, deleting, 0.0)
    assert outcome_of(scheduler) is None


def unschedulable(*, nodes, wanted):
    scheduler = core(nodes)
    scheduler.pod_changed(None, wanted, 0.0)
    decision = scheduler.step(0.0)
    assert scheduler.queue.count(Place.UNSCHEDULABLE) == 1, decision
    return scheduler


def retried(scheduler) -> bool:
    return scheduler.queue.count(Place.UNSCHEDULABLE) == 0


def test_a_pod_that_lacks_room_is_retried_when_there_may_be_more():
    small = node("a", cpu="1")
    wanted = pod("p", cpu="2")
    for change, helps in [
        ((small, node("a", cpu="3")), True),
        ((small, replace(small, metadata=replace(small.metadata, labels={"x": "y"}))), False),
        ((small, node("a", cpu="1500m")), False),
        ((None, node("b", cpu="4")), True),
        ((None, node("b", cpu="1")), False),
    ]:
        scheduler = unschedulable(nodes=[small], wanted=wanted)
        scheduler.node_changed(*change, 1.0)
        assert retried(scheduler) is helps, change


def test_a_heartbeat_brings_nobody_back():
    before = node("a", cpu="1")
    scheduler = unschedulable(nodes=[before], wanted=pod("p", cpu="2"))
    beat = replace(before, status=replace(before.status, conditions=[]))
    scheduler.node_changed(before, beat, 1.0)
    assert not retried(scheduler)


def test_a_pod_kept_away_by_a_taint_is_retried_when_it_is_lifted():
    tainted = node("a", taints=[{"key": "k", "effect": "NoSchedule"}])
    scheduler = unschedulable(nodes=[tainted], wanted=pod("p"))
    scheduler.pod_changed(pod("other", on="a"), None, 1.0)
    assert not retried(scheduler)
    scheduler.node_changed(tainted, node("a"), 2.0)
    assert outcome_of(scheduler, 2.0) == "a"


def test_a_pod_kept_away_by_a_cordon_is_retried_when_it_is_lifted():
    cordoned = node("a", unschedulable=True)
    scheduler = unschedulable(nodes=[cordoned], wanted=pod("p"))
    scheduler.node_changed(cordoned, node("a"), 1.0)
    assert outcome_of(scheduler, 1.0) == "a"


def test_a_pod_without_a_matching_node_is_retried_when_labels_match():
    plain = node("a")
    scheduler = unschedulable(nodes=[plain], wanted=pod("p", nodeSelector={"disk": "ssd"}))
    scheduler.node_changed(plain, node("a", labels={"disk": "hdd"}), 1.0)
    assert not retried(scheduler)
    scheduler.node_changed(node("a", labels={"disk": "hdd"}), node("a", labels={"disk": "ssd"}), 2.0)
    assert outcome_of(scheduler, 2.0) == "a"


def test_a_pod_in_want_of_company_is_retried_when_company_comes():
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    scheduler = unschedulable(nodes=[node("a")], wanted=pod("p", affinity=affinity))
    scheduler.pod_changed(None, pod("stranger", on="a"), 1.0)
    assert not retried(scheduler)
    scheduler.pod_changed(None, pod("db", labels={"app": "db"}, on="a"), 2.0)
    assert outcome_of(scheduler, 2.0) == "a"


def test_namespace_labels_may_bring_company():
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {},
        "namespaceSelector": {"matchLabels": {"t": "a"}},
    }
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    scheduler = core([node("a")])
    plain = namespace("data")
    scheduler.namespace_changed(None, plain, 0.0)
    scheduler.pod_changed(None, pod("db", namespace="data", on="a"), 0.0)
    scheduler.pod_changed(None, pod("p", affinity=affinity), 0.0)
    assert "affinity rules" in outcome_of(scheduler)
    scheduler.namespace_changed(plain, namespace("data", {"t": "a"}), 1.0)
    assert outcome_of(scheduler, 1.0) == "a"


def test_a_waiting_pods_own_change_brings_it_back_but_not_its_status():
    scheduler = unschedulable(nodes=[node("a", taints=[{"key": "k", "effect": "NoSchedule"}])], wanted=(p := pod("p")))
    told = replace(p, status=replace(p.status, message="told"))
    scheduler.pod_changed(p, told, 1.0)
    assert not retried(scheduler)
    tolerant = pod("p", tolerations=[{"operator": "Exists"}], meta={"uid": p.metadata.uid})
    scheduler.pod_changed(told, tolerant, 2.0)
    assert outcome_of(scheduler, 2.0) == "a"


def test_a_pod_made_anew_under_its_name_replaces_the_old_one():
    scheduler = core([node("a", cpu="1")])
    old = pod("p", cpu="1", on="a")
    scheduler.pod_changed(None, old, 0.0)
    scheduler.pod_changed(old, pod("p", cpu="1"), 1.0)
    assert outcome_of(scheduler, 1.0) == "a"


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["create", "schedule", "confirm", "fail", "finish", "delete", "shrink", "drop", "add"]),
        st.integers(0, 5),
        st.integers(1, 8),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_a_node_is_never_given_more_than_it_has(events):
    """Whatever happens, no decision exceeds what its node could allocate at that moment."""
    scheduler = core()
    nodes, pods, in_flight = {}, {}, []
    now = 0.0
    for kind, which, amount in events:
        now += 1.0
        name = f"n{which % 3}"
        if kind in ("add", "shrink"):
            new = node(name, cpu=f"{amount}", pods="4")
            scheduler.node_changed(nodes.get(name), new, now)
            nodes[name] = new
        elif kind == "drop" and name in nodes:
            scheduler.node_changed(nodes.pop(name), None, now)
        elif kind == "create":
            made = pod(f"p{len(pods)}", cpu=f"{amount * 500}m")
            pods[made.metadata.uid] = made
            scheduler.pod_changed(None, made, now)
        elif kind == "schedule":
            decision = scheduler.step(now)
            if decision is not None and hasattr(decision.outcome, "node"):
                in_flight.append(decision)
                _assert_within(scheduler, decision.outcome.node)
        elif in_flight and kind in ("confirm", "fail"):
            decision = in_flight.pop(which % len(in_flight))
            uid = decision.queued.pod.uid
            if kind == "fail":
                scheduler.binding_failed(decision.queued, now)
            elif uid in pods:
                placed = bound(pods[uid], decision.outcome.node)
                scheduler.pod_changed(pods[uid], placed, now)
                pods[uid] = placed
        elif pods and kind in ("finish", "delete"):
            uid = sorted(pods)[which % len(pods)]
            gone = pods.pop(uid)
            after = replace(gone, status=replace(gone.status, phase="Failed")) if kind == "finish" else None
            scheduler.pod_changed(gone, after, now)
    _assert_counts_add_up(scheduler, pods)


def _assert_within(scheduler, name):
    table = scheduler.snapshot.nodes
    slot = table.slot(name)
    for resource in ("cpu", "pods"):
        assert table.requested(resource)[slot] <= table.allocatable(resource)[slot]


def _assert_counts_add_up(scheduler, pods):
    """What the columns say is the sum of the pods placed."""
    table = scheduler.snapshot.nodes
    placements = [p for uid in pods if (p := scheduler.snapshot.placement(uid)) is not None]
    assert scheduler.snapshot.placed == len(placements)
    assert table.requested("cpu").sum() == sum(p.pod.requests.get("cpu", 0) for p in placements)
    assert table.requested("pods").sum() == len(placements)
    assert (table.requested("cpu") >= 0).all()
