import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from api.types import ReplicaSetCondition
from controllers.deployment.bookkeeping import DESIRED_REPLICAS, REVISION, REVISION_HISTORY, ROLLBACK_TO
from controllers.deployment.numbers import fenceposts, max_surge, max_unavailable
from controllers.deployment.template import HASH_LABEL, template_hash
from tests.support.objects import deployment, pod
from tests.support.rollouts import World


def rolled_out(**more) -> World:
    world = World(deployment(**more))
    world.settle()
    return world


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (3, "25%", "25%", (1, 0)),
        (1, "25%", "25%", (1, 0)),
        (4, 0, "10%", (0, 1)),
        (10, 2, 1, (2, 1)),
        (0, "25%", "25%", (0, 1)),
    ],
)
def test_percentages_of_surge_round_up_of_unavailability_down(replicas, surge, unavailable, expected):
    assert fenceposts(deployment(replicas=replicas, surge=surge, unavailable=unavailable)) == expected


def test_a_new_deployment_gets_one_replica_set_with_all_its_pods():
    world = World(deployment(replicas=3))
    plan = world.step()
    (replica_set,) = world.sets.values()
    assert replica_set.spec.replicas == 3
    assert replica_set.metadata.name == f"web-{replica_set.metadata.labels[HASH_LABEL]}"
    assert replica_set.spec.selector.match_labels[HASH_LABEL] == replica_set.spec.template.metadata.labels[HASH_LABEL]
    assert replica_set.metadata.annotations[REVISION] == "1"
    assert replica_set.metadata.annotations[DESIRED_REPLICAS] == "3"
    (reference,) = replica_set.metadata.owner_references
    assert (reference.kind, reference.controller, reference.block_owner_deletion) == ("Deployment", True, True)
    assert plan.revision == "1"
    name = replica_set.metadata.name
    assert world.condition("Progressing") == ("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
    assert world.condition("Available") == (
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    )


def test_a_finished_rollout_says_so():
    world = rolled_out()
    name = world.by_image("a").metadata.name
    assert world.condition("Progressing") == (
        "True",
        "NewReplicaSetAvailable",
        f'ReplicaSet "{name}" has successfully progressed.',
    )
    assert world.condition("Available") == (
        "True",
        "MinimumReplicasAvailable",
        "Deployment has minimum availability.",
    )
    status = world.deployment.status
    counts = (status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas)
    assert counts == (3, 3, 3, 3)
    assert status.unavailable_replicas == 0
    assert status.observed_generation == 1


def test_a_settled_deployment_has_nothing_to_do():
    world = rolled_out()
    plan = world.step()
    assert plan.actions == []
    assert plan.requeue_seconds is None


def test_a_rolling_update_replaces_pod_by_pod():
    world = rolled_out(replicas=3, surge=1, unavailable=0)
    world.events.clear()
    world.set_template("b")
    world.settle()
    assert world.sizes() == {"a": 0, "b": 3}
    assert world.events == [
        "created b at 1",
        "scaled a from 3 to 2",
        "scaled b from 1 to 2",
        "scaled a from 2 to 1",
        "scaled b from 2 to 3",
        "scaled a from 1 to 0",
    ]


def test_old_pods_that_serve_nobody_go_first():
    world = rolled_out(replicas=4, surge=1, unavailable=2)
    (old,) = world.pods.values()
    old[0], old[1] = 2, 2
    world._observe()
    world.set_template("b")
    world.step()
    assert world.sizes() == {"a": 2, "b": 1}
    world.run_replica_sets()
    assert world.pods[world.by_image("a").metadata.uid] == [2, 0]


def test_revisions_are_counted_and_a_rollback_finds_its_replica_set_again():
    world = rolled_out()
    first = world.by_image("a").metadata.uid
    world.set_template("b")
    world.settle()
    assert world.deployment.metadata.annotations[REVISION] == "2"
    world.set_template("a")
    world.settle()
    assert set(world.sizes()) == {"a", "b"}
    restored = world.by_image("a")
    assert restored.metadata.uid == first
    assert restored.metadata.annotations[REVISION] == "3"
    assert restored.metadata.annotations[REVISION_HISTORY] == "1"
    assert world.deployment.metadata.annotations[REVISION] == "3"


def ask_for_rollback(world, revision):
    annotations = {**world.deployment.metadata.annotations, ROLLBACK_TO: revision}
    world.deployment = replace(world.deployment, metadata=replace(world.deployment.metadata, annotations=annotations))


@pytest.mark.parametrize(("asked", "image"), [("0", "b"), ("1", "a")])
def test_an_old_clients_annotation_rolls_back(asked, image):
    world = rolled_out()
    for each in "bc":
        world.set_template(each)
        if each != "c":
            world.settle()
    ask_for_rollback(world, asked)
    assert world.step().rollback is None  # the present template gets its revision first
    plan = world.step()
    assert plan.actions == []
    assert (plan.rollback.type, plan.rollback.reason) == ("Normal", "DeploymentRollback")
    assert ROLLBACK_TO not in world.deployment.metadata.annotations
    assert world.deployment.spec.template.spec.containers[0].image == image
    assert HASH_LABEL not in world.deployment.spec.template.metadata.labels
    world.settle()
    assert world.deployment.metadata.annotations[REVISION] == "4"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("0", "DeploymentRollbackRevisionNotFound"),
        ("7", "DeploymentRollbackRevisionNotFound"),
        ("1", "DeploymentRollbackTemplateUnchanged"),
    ],
)
def test_a_rollback_to_nowhere_is_told_and_forgotten(asked, reason):
    world = rolled_out()
    ask_for_rollback(world, asked)
    plan = world.step()
    assert (plan.rollback.type, plan.rollback.reason) == ("Warning", reason)
    assert ROLLBACK_TO not in world.deployment.metadata.annotations
    assert world.deployment.spec.template.spec.containers[0].image == "a"


def test_history_beyond_the_limit_is_forgotten_oldest_first():
    world = rolled_out(revisionHistoryLimit=2)
    for image in "bcde":
        world.set_template(image)
        world.settle()
    assert set(world.sizes()) == {"c", "d", "e"}


def test_a_paused_deployment_is_scaled_but_not_rolled():
    world = rolled_out()
    world.edit(paused=True)
    world.set_template("b")
    world.settle()
    assert world.condition("Progressing")[:2] == ("Unknown", "DeploymentPaused")
    world.edit(replicas=5)
    world.settle()
    assert world.sizes() == {"a": 5}
    world.edit(paused=False)
    world.step()
    assert world.condition("Progressing")[1] in ("DeploymentResumed", "NewReplicaSetCreated")
    world.settle()
    assert world.sizes() == {"a": 0, "b": 5}


def test_scaling_in_the_middle_of_a_rollout_is_shared_in_proportion():
    world = rolled_out(replicas=10, surge=3, unavailable=2)
    world.set_template("b")
    for _ in range(2):
        world.step()
        world.run_replica_sets()
    assert world.sizes() == {"a": 8, "b": 5}
    world.edit(replicas=15)
    world.step()
    assert world.sizes() == {"a": 11, "b": 7}


def test_scaling_to_zero_and_back():
    world = rolled_out()
    world.edit(replicas=0)
    world.settle()
    assert world.sizes() == {"a": 0}
    world.edit(replicas=2)
    world.settle()
    assert world.sizes() == {"a": 2}


def test_recreate_stops_everything_old_before_it_starts_the_new():
    world = rolled_out(strategy="Recreate")
    old = world.by_image("a")
    world.set_template("b")
    world.step()
    assert world.sizes() == {"a": 0}
    world.run_replica_sets()
    lingering = {old.metadata.uid: [pod("old", on="n", meta={"deletionTimestamp": "2024-01-01T00:00:00Z"})]}
    world.step(lingering)
    assert world.sizes() == {"a": 0}
    world.step({})
    assert world.sizes() == {"a": 0, "b": 3}


def test_a_rollout_that_stands_still_is_reported_after_its_deadline():
    world = World(deployment(progressDeadlineSeconds=60))
    world.step()
    world.run_replica_sets()
    plan = world.step()
    assert plan.requeue_seconds == pytest.approx(60, abs=3)
    world.now += 61
    world.step()
    name = world.by_image("a").metadata.name
    assert world.condition("Progressing") == (
        "False",
        "ProgressDeadlineExceeded",
        f'ReplicaSet "{name}" has timed out progressing.',
    )
    world.bring_up()
    world.settle()
    assert world.condition("Progressing")[:2] == ("True", "NewReplicaSetAvailable")


def test_losing_a_pod_after_the_rollout_is_no_rollout():
    world = rolled_out()
    (counts,) = world.pods.values()
    counts[0], counts[1] = 2, 1
    world._observe()
    world.now += 10_000
    world.step()
    assert world.condition("Progressing")[1] == "NewReplicaSetAvailable"
    assert world.deployment.status.unavailable_replicas == 1


def test_without_a_deadline_there_is_no_progressing_condition():
    world = rolled_out(progressDeadlineSeconds=2**31 - 1)
    assert [each.type for each in world.deployment.status.conditions] == ["Available"]


def test_what_keeps_a_replica_set_from_making_pods_is_shown():
    world = World(deployment())
    world.step()
    (key,) = world.sets
    failing = world.sets[key]
    trouble = ReplicaSetCondition(type="ReplicaFailure", status="True", reason="FailedCreate", message="quota")
    world.sets[key] = replace(failing, status=replace(failing.status, conditions=[trouble]))
    world.step()
    assert world.condition("ReplicaFailure") == ("True", "FailedCreate", "quota")
    world.sets[key] = replace(failing, status=replace(failing.status, conditions=[]))
    world.step()
    assert "ReplicaFailure" not in [each.type for each in world.deployment.status.conditions]


def test_annotations_are_handed_down_but_for_kubectls():
    world = World(deployment())
    annotations = {"team": "a", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    metadata = replace(world.deployment.metadata, annotations=annotations)
    world.deployment = replace(world.deployment, metadata=metadata)
    world.step()
    handed = world.by_image("a").metadata.annotations
    assert handed["team"] == "a"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in handed


def test_a_change_of_min_ready_seconds_reaches_the_replica_set():
    world = rolled_out()
    world.edit(min_ready_seconds=5)
    world.step()
    assert world.by_image("a").spec.min_ready_seconds == 5


def test_template_hashes_differ_by_collision_count():
    template = deployment().spec.template
    names = {template_hash(template, count) for count in (None, 1, 2)}
    assert len(names) == 3
    assert template_hash(template, 1) in names


def test_a_deployment_being_deleted_is_only_watched():
    world = rolled_out()
    metadata = replace(world.deployment.metadata, deletion_timestamp="2024-01-01T00:00:00Z")
    world.deployment = replace(world.deployment, metadata=metadata)
    world.set_template("b")
    assert world.step().actions == []


BOUNDS = st.one_of(st.integers(0, 6), st.integers(0, 100).map(lambda percent: f"{percent}%"))


@settings(max_examples=200, deadline=None)
@given(
    replicas=st.integers(0, 12),
    surge=BOUNDS,
    unavailable=BOUNDS,
    steps=st.lists(st.tuples(st.sampled_from(["plan", "sets", "up", "change"]), st.integers(1, 5)), max_size=50),
)
def test_a_rollout_stays_within_its_fenceposts(replicas, surge, unavailable, steps):
    """Never more pods than the surge allows, never fewer available than must be, in whatever order things happen."""
    world = World(deployment(replicas=replicas, surge=surge, unavailable=unavailable))
    world.settle()
    most = replicas + max_surge(world.deployment)
    least = replicas - max_unavailable(world.deployment)
    for number, (kind, count) in enumerate(steps):
        if kind == "plan":
            world.step()
        elif kind == "sets":
            world.run_replica_sets()
        elif kind == "up":
            world.bring_up(count)
        else:
            world.set_template(f"image-{number}-{count}")
        assert sum(world.sizes().values()) <= most
        assert world.available >= least
    world.settle(400)
    assert world.available == replicas
    assert sum(world.sizes().values()) == replicas
