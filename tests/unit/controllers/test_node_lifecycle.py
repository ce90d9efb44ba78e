import pytest
from msgspec.structs import replace

from api import codec, timestamps
from api.types import Lease, NodeCondition, Taint
from controllers.node_lifecycle.eviction import eviction_time
from controllers.node_lifecycle.health import judge, ready_status
from controllers.node_lifecycle.stopwatch import Stopwatch
from controllers.node_lifecycle.taints import is_evicting, wanted, without_eviction
from controllers.node_lifecycle.zones import Pacing, ZoneState, zone_state
from tests.support.objects import node, pod

NOW = 1_700_000_000.0
GRACE = 40.0


def lease(renewed):
    return codec.from_tree(Lease, {"metadata": {"name": "a"}, "spec": {"renewTime": renewed}})


FIRST, SECOND = "2024-05-01T12:00:00.000000Z", "2024-05-01T12:00:10.000000Z"


def test_a_node_that_renews_its_lease_lives():
    alive = node("a")
    first = judge(alive, lease(FIRST), None, GRACE, 0.0, NOW)
    assert (first.conditions, first.recheck_seconds) == (None, GRACE)
    second = judge(alive, lease(SECOND), first.sign, GRACE, 30.0, NOW)
    assert (second.conditions, second.recheck_seconds) == (None, GRACE)
    third = judge(alive, lease(SECOND), second.sign, GRACE, 60.0, NOW)
    assert (third.conditions, third.recheck_seconds) == (None, 10.0)


def test_a_node_that_reports_lives_without_a_lease():
    alive = node("a")
    first = judge(alive, None, None, GRACE, 0.0, NOW)
    (ready,) = alive.status.conditions
    beat = replace(ready, last_heartbeat_time="2024-05-01T12:00:00Z")
    reported = replace(alive, status=replace(alive.status, conditions=[beat]))
    assert judge(reported, None, first.sign, GRACE, 39.0, NOW).sign.seen_at == 39.0


def test_a_silent_node_becomes_unknown():
    silent = node("a")
    pressure = NodeCondition(type="DiskPressure", status="False", reason="KubeletHasNoDiskPressure")
    status = replace(silent.status, conditions=[*silent.status.conditions, pressure])
    silent = replace(silent, status=status)
    sign = judge(silent, lease(FIRST), None, GRACE, 0.0, NOW).sign
    verdict = judge(silent, lease(FIRST), sign, GRACE, 40.0, NOW)
    found = {each.type: (each.status, each.reason) for each in verdict.conditions}
    assert found == {
        "Ready": ("Unknown", "NodeStatusUnknown"),
        "DiskPressure": ("Unknown", "NodeStatusUnknown"),
        "MemoryPressure": ("Unknown", "NodeStatusNeverUpdated"),
        "PIDPressure": ("Unknown", "NodeStatusNeverUpdated"),
    }
    assert {each.last_transition_time for each in verdict.conditions} == {timestamps.now_text(NOW)}
    given_up = replace(silent, status=replace(silent.status, conditions=verdict.conditions))
    again = judge(given_up, lease(FIRST), verdict.sign, GRACE, 41.0, NOW)
    assert (again.conditions, again.recheck_seconds) == (None, None)


def test_a_node_that_never_reported_has_longer():
    new = node("a", ready=None)
    sign = judge(new, None, None, GRACE, 0.0, NOW).sign
    assert judge(new, None, sign, GRACE, 59.0, NOW).conditions is None
    conditions = judge(new, None, sign, GRACE, 60.0, NOW).conditions
    assert {each.reason for each in conditions} == {"NodeStatusNeverUpdated"}


def test_a_node_that_comes_back_has_its_whole_grace_period():
    back = node("a")
    unknown = node("a", ready="Unknown")
    sign = judge(unknown, lease(FIRST), None, GRACE, 0.0, NOW).sign
    verdict = judge(back, lease(FIRST), sign, GRACE, 100.0, NOW)
    assert (verdict.conditions, verdict.recheck_seconds) == (None, GRACE)


def test_a_node_that_renews_less_often_says_so_and_is_believed():
    slow = lease(FIRST)
    slow = replace(slow, spec=replace(slow.spec, lease_duration_seconds=int(GRACE) * 3))
    sign = judge(node("a"), slow, None, GRACE, 0.0, NOW).sign
    assert judge(node("a"), slow, sign, GRACE, GRACE * 3 - 1, NOW).conditions is None
    assert judge(node("a"), slow, sign, GRACE, GRACE * 3, NOW).conditions is not None


def keys(taints):
    return sorted((taint.key.rpartition("/")[2], taint.effect) for taint in taints)


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        ("True", []),
        ("False", [("not-ready", "NoExecute"), ("not-ready", "NoSchedule")]),
        ("Unknown", [("unreachable", "NoExecute"), ("unreachable", "NoSchedule")]),
    ],
)
def test_readiness_shows_as_taints(ready, expected):
    assert keys(wanted(node("a", ready=ready), evict=True, now=NOW)) == expected


def test_a_node_is_tainted_against_new_pods_at_once_but_evicts_only_when_allowed():
    assert keys(wanted(node("a", ready="Unknown"), evict=False, now=NOW)) == [("unreachable", "NoSchedule")]


def test_a_node_that_is_ready_again_loses_its_taints_but_not_those_of_others():
    theirs = {"key": "example.com/theirs", "effect": "NoExecute"}
    taints = [theirs, *({"key": "node.kubernetes.io/unreachable", "effect": e} for e in ("NoSchedule", "NoExecute"))]
    assert keys(wanted(node("a", taints=taints), evict=False, now=NOW)) == [("theirs", "NoExecute")]


def test_an_evicting_taint_follows_the_condition_and_keeps_its_time():
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2024-01-01T00:00:00Z"}
    changed = wanted(node("a", ready="False", taints=[taint]), evict=False, now=NOW)
    (evicting,) = [each for each in changed if each.effect == "NoExecute"]
    assert (evicting.key, evicting.time_added) == ("node.kubernetes.io/not-ready", "2024-01-01T00:00:00Z")


def test_cordon_and_pressure_show_as_taints():
    cordoned = node("a", unschedulable=True)
    pressed = [*cordoned.status.conditions, NodeCondition(type="MemoryPressure", status="True")]
    cordoned = replace(cordoned, status=replace(cordoned.status, conditions=pressed))
    taints = wanted(cordoned, evict=True, now=NOW)
    assert keys(taints) == [("memory-pressure", "NoSchedule"), ("unschedulable", "NoSchedule")]
    settled = replace(cordoned, spec=replace(cordoned.spec, taints=taints))
    assert wanted(settled, evict=True, now=NOW + 100) == taints


def test_eviction_can_be_taken_back():
    taints = wanted(node("a", ready="Unknown"), evict=True, now=NOW)
    tainted = node("a", ready="Unknown")
    tainted = replace(tainted, spec=replace(tainted.spec, taints=taints))
    assert is_evicting(tainted)
    assert keys(without_eviction(taints)) == [("unreachable", "NoSchedule")]


@pytest.mark.parametrize(
    ("ready", "not_ready", "state"),
    [(3, 0, "Normal"), (1, 2, "Normal"), (1, 3, "PartialDisruption"), (0, 3, "FullDisruption"), (0, 0, "Normal")],
)
def test_zone_states(ready, not_ready, state):
    assert zone_state(ready, not_ready) is ZoneState(state)


def nodes(ready, silent, zone="z"):
    labels = {"topology.kubernetes.io/zone": zone}
    made = [node(f"{zone}-r{i}", labels=labels) for i in range(ready)]
    return made + [node(f"{zone}-s{i}", labels=labels, ready="Unknown") for i in range(silent)]


def test_nodes_are_given_up_one_in_ten_seconds():
    pacing = Pacing()
    pacing.observe(members := nodes(3, 2))
    assert pacing.try_evict(members[3], 0.0) is None
    assert pacing.try_evict(members[4], 1.0) == pytest.approx(9.0)
    assert pacing.try_evict(members[4], 10.0) is None


def test_nothing_is_given_up_when_most_of_a_small_zone_or_all_is_silent():
    pacing = Pacing()
    pacing.observe(members := nodes(1, 4))
    assert pacing.try_evict(members[-1], 0.0) is not None
    assert not pacing.full_disruption
    pacing.observe(members := nodes(0, 4))
    assert pacing.try_evict(members[-1], 0.0) is not None
    assert pacing.full_disruption


def test_a_zone_that_is_gone_altogether_is_given_up_while_others_live():
    pacing = Pacing()
    pacing.observe([*nodes(3, 0, "x"), *(lost := nodes(0, 3, "y"))])
    assert not pacing.full_disruption
    assert pacing.try_evict(lost[0], 0.0) is None


UNREACHABLE = Taint(key="node.kubernetes.io/unreachable", effect="NoExecute", time_added=timestamps.now_text(NOW))


def tolerating(*tolerations):
    return pod("p", on="a", tolerations=list(tolerations))


def test_a_pod_leaves_when_its_toleration_ends():
    unreachable = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    assert eviction_time(tolerating(), [UNREACHABLE], NOW + 5) == NOW + 5
    assert eviction_time(tolerating({**unreachable, "tolerationSeconds": 300}), [UNREACHABLE], NOW + 5) == NOW + 300
    assert eviction_time(tolerating(unreachable), [UNREACHABLE], NOW) is None
    assert eviction_time(tolerating({"operator": "Exists"}), [UNREACHABLE], NOW) is None


def test_every_taint_must_be_tolerated_and_the_shortest_time_counts():
    other = Taint(key="other", effect="NoExecute", time_added=timestamps.now_text(NOW + 10))
    patient = tolerating(
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 300},
        {"key": "other", "operator": "Exists", "tolerationSeconds": 60},
    )
    assert eviction_time(patient, [UNREACHABLE, other], NOW + 10) == NOW + 70
    assert eviction_time(patient, [UNREACHABLE, Taint(key="third", effect="NoExecute")], NOW) == NOW


def test_taints_that_do_not_evict_evict_nobody():
    assert eviction_time(tolerating(), [Taint(key="k", effect="NoSchedule")], NOW) is None


def test_ready_status_of_a_node_that_never_reported():
    assert ready_status(node("a", ready=None)) == "Unknown"


def test_no_silence_is_counted_while_nobody_can_be_heard() -> None:
    watch = Stopwatch()
    assert watch.read(100.0) == 100.0
    watch.hear(False, 110.0)
    watch.hear(False, 120.0)
    assert watch.read(150.0) == 110.0
    watch.hear(True, 150.0)
    watch.hear(True, 155.0)
    assert watch.read(160.0) == 120.0
    watch.hear(False, 170.0)
    assert watch.read(200.0) == 130.0
