from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from api import codec
from api.types import ReplicaSetCondition, ReplicationController, ReplicationControllerCondition
from controllers.batches import slow_start
from controllers.pods import is_available, next_available
from controllers.replicaset.kinds import REPLICATION_CONTROLLERS, selects
from controllers.replicaset.plan import plan, pod_from_template
from controllers.replicaset.ranking import to_delete
from controllers.replicaset.status import new_status
from controllers.replicaset.terminating import Pace, terminating
from tests.support.objects import metadata, pod, replica_set, template

NOW = 1_700_000_000.0
LABELS = {"app": "web"}
OLD, YOUNG = "2023-01-01T00:00:00Z", "2023-11-14T22:00:00Z"


def replica(name, *, on="n", ready=True, phase="Running", created=OLD, since=OLD, restarts=0, cost=None):
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
    annotations = {"controller.kubernetes.io/pod-deletion-cost": cost} if cost else {}
    status = {
        "phase": phase,
        "conditions": [condition],
        "containerStatuses": [{"name": "main", "image": "i", "imageID": "", "ready": ready, "restartCount": restarts}],
    }
    meta = {"creationTimestamp": created, "annotations": annotations}
    return pod(name, labels=LABELS, on=on, status=status, meta=meta)


def first_to_go(*pods, related=None):
    (gone,) = to_delete(pods, related or pods, 1, NOW)
    return gone.metadata.name


def test_missing_pods_are_made_and_surplus_ones_deleted():
    three = [replica(f"p{i}") for i in range(3)]
    assert plan(replica_set("web", LABELS, replicas=5), three, three, NOW).create == 2
    surplus = plan(replica_set("web", LABELS, replicas=1), three, three, NOW)
    assert (surplus.create, len(surplus.delete)) == (0, 2)
    assert plan(replica_set("web", LABELS, replicas=3), three, three, NOW).delete == []


def test_a_replica_set_being_deleted_makes_nothing():
    going = replica_set("web", LABELS, replicas=3, meta={"deletionTimestamp": OLD})
    assert plan(going, [], [], NOW).create == 0


def test_no_more_than_a_burst_at_once():
    assert plan(replica_set("web", LABELS, replicas=2000), [], [], NOW).create == 500


def test_creation_starts_slowly():
    assert list(slow_start(10)) == [1, 2, 4, 3]
    assert list(slow_start(0)) == []


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_slow_start_adds_up(count):
    assert sum(slow_start(count)) == count


def test_the_least_useful_pod_goes_first():
    keeper = replica("keeper")
    assert first_to_go(keeper, replica("x", on="")) == "x"
    assert first_to_go(keeper, replica("x", phase="Pending")) == "x"
    assert first_to_go(keeper, replica("x", ready=False)) == "x"
    assert first_to_go(keeper, replica("x", cost="-5")) == "x"
    assert first_to_go(replica("dear", cost="5"), keeper) == "keeper"
    assert first_to_go(keeper, replica("x", since=YOUNG)) == "x"
    assert first_to_go(keeper, replica("x", restarts=3)) == "x"
    assert first_to_go(keeper, replica("x", created=YOUNG)) == "x"


def test_of_two_alike_the_one_in_company_goes_first():
    alone, crowded, neighbour = replica("alone", on="a"), replica("crowded", on="b"), replica("other", on="b")
    assert first_to_go(alone, crowded, related=[alone, crowded, neighbour]) == "crowded"


def test_pods_of_like_age_are_not_told_apart_by_it():
    """A restart count decides before a few seconds of age do."""
    older = replica("older", created="2023-11-14T12:00:00Z", restarts=1)
    younger = replica("younger", created="2023-11-14T12:00:10Z")
    assert first_to_go(older, younger) == "older"


def test_the_status_counts_pods():
    pods = [replica("a"), replica("b", ready=False), replica("c", since=YOUNG)]
    owner = replica_set("web", LABELS, replicas=3, minReadySeconds=3600)
    status = new_status(owner, pods, None, NOW)
    assert (status.replicas, status.fully_labeled_replicas, status.ready_replicas) == (3, 3, 2)
    assert status.available_replicas == 1
    assert status.observed_generation == 1


def test_a_failure_is_kept_in_the_status_until_it_is_over():
    owner = replica_set("web", LABELS)
    failure = ReplicaSetCondition(type="ReplicaFailure", status="True", reason="FailedCreate", message="first")
    failed = replace(owner, status=new_status(owner, [], failure, NOW))
    assert failed.status.conditions == [failure]
    again = new_status(failed, [], replace(failure, message="second"), NOW)
    assert again.conditions == [failure]
    assert new_status(failed, [], None, NOW).conditions == []


def test_a_pod_becomes_available_after_min_ready_seconds():
    fresh = replica("p", since="2023-11-14T22:13:10Z")  # ten seconds before NOW
    assert is_available(fresh, 0, NOW)
    assert not is_available(fresh, 30, NOW)
    assert next_available([fresh], 30, NOW) == 20
    assert is_available(fresh, 30, NOW + 20)
    assert next_available([fresh], 30, NOW + 20) is None


def test_a_plan_awaits_the_pods_it_does_not_call_available():
    fresh = replica("p", since="2023-11-14T22:13:10Z")
    owner = replica_set("web", LABELS, minReadySeconds=30)
    assert plan(owner, [fresh], [], NOW + 19.5).requeue_seconds == 0.5
    assert plan(owner, [fresh], [], NOW + 20).requeue_seconds is None


def test_pods_are_made_from_the_template():
    owner = replica_set("web", LABELS)
    made = pod_from_template(owner)
    assert made.metadata.generate_name == "web-"
    assert made.metadata.labels == LABELS
    assert made.spec == owner.spec.template.spec
    (reference,) = made.metadata.owner_references
    assert (reference.uid, reference.controller) == (owner.metadata.uid, True)


def replication_controller(**spec):
    tree = {
        "metadata": metadata("old", generation=1),
        "spec": {"selector": LABELS, "template": template(LABELS), **spec},
    }
    return codec.from_tree(ReplicationController, tree)


def test_a_replication_controller_is_kept_by_the_same_rules():
    owner = replication_controller(replicas=3)
    pods = [replica("a"), replica("b", ready=False)]
    assert plan(owner, pods, pods, NOW).create == 1
    made = pod_from_template(owner)
    assert (made.metadata.generate_name, made.metadata.owner_references[0].kind) == ("old-", "ReplicationController")
    failure = REPLICATION_CONTROLLERS.condition(type="ReplicaFailure", status="True", reason="FailedCreate")
    status = new_status(owner, pods, failure, NOW)
    assert (status.replicas, status.ready_replicas, status.fully_labeled_replicas) == (2, 1, 2)
    assert isinstance(status.conditions[0], ReplicationControllerCondition)


def test_a_replication_controller_selects_by_plain_labels():
    matches = selects(replication_controller())
    assert matches({"app": "web", "more": "labels"})
    assert not matches({"app": "other"})
    assert selects(replication_controller(selector={})) is None


def test_pods_on_their_way_out_are_counted_apart():
    leaving = {"deletionTimestamp": YOUNG}
    going = pod("g", labels=LABELS, on="n", status={"phase": "Running"}, meta=leaving)
    ended = pod("e", labels=LABELS, on="n", status={"phase": "Succeeded"}, meta=leaving)
    assert terminating([going, ended, replica("a")]) == 1
    assert new_status(replica_set("web", LABELS), [], None, NOW, 1).terminating_replicas == 1


def test_a_number_that_only_falls_is_told_once_a_second_and_the_end_at_once():
    pace, key = Pace(), ("default", "web")
    states = [new_status(replica_set("web", LABELS), [], None, NOW, number) for number in range(4)]
    assert pace.wait(key, states[3], states[2], NOW) == 0
    assert pace.wait(key, states[2], states[1], NOW + 0.5) == 0.5
    assert pace.wait(key, states[2], states[1], NOW + 1) == 0
    assert pace.wait(key, states[1], states[0], NOW + 1.1) == 0
    assert pace.wait(key, states[2], replace(states[1], replicas=1), NOW + 1.1) == 0
