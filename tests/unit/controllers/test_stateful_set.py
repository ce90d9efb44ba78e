import random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from api import codec
from api.types import RollingUpdateStatefulSetStrategy, StatefulSetOrdinals, StatefulSetUpdateStrategy
from controllers.pods import is_ready
from controllers.statefulset.identity import ordinal_of
from controllers.statefulset.plan import AwaitClaim
from tests.support.objects import pod
from tests.support.stateful_world import World, stateful_set


def settled(**spec):
    world = World(stateful_set(**spec))
    world.settle()
    world.log.clear()
    return world


def rolling(**fields):
    return StatefulSetUpdateStrategy(type="RollingUpdate", rolling_update=RollingUpdateStatefulSetStrategy(**fields))


def test_pods_start_one_after_the_other_each_when_the_one_before_is_ready():
    world = World(stateful_set())
    world.step()
    world.step()
    assert world.log == ["+web-0"]
    world.run_kubelet()
    world.step()
    assert world.log == ["+web-0", "+web-1"]
    world.settle()
    assert world.log == ["+web-0", "+web-1", "+web-2"]
    status = world.stateful_set.status
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (3, 3, 3)
    assert status.current_revision == status.update_revision == "rev-a"
    assert (status.current_replicas, status.updated_replicas, status.observed_generation) == (3, 3, 1)


def test_parallel_pods_do_not_wait():
    world = World(stateful_set(podManagementPolicy="Parallel"))
    world.step()
    assert world.log == ["+web-0", "+web-1", "+web-2"]
    world.settle()
    world.change(replicas=0)
    world.step()
    assert sorted(world.log[3:]) == ["-web-0", "-web-1", "-web-2"]


def test_a_pod_has_its_own_name_host_labels_and_claims():
    world = World(stateful_set(claims=("data",)))
    world.step()
    made = world.pods["web-0"]
    assert made.metadata.labels == {
        "app": "web",
        "statefulset.kubernetes.io/pod-name": "web-0",
        "apps.kubernetes.io/pod-index": "0",
        "controller-revision-hash": "rev-a",
    }
    assert (made.spec.hostname, made.spec.subdomain) == ("web-0", "web")
    assert [(volume.name, volume.persistent_volume_claim.claim_name) for volume in made.spec.volumes] == [
        ("data", "data-web-0")
    ]
    assert world.claims["data-web-0"].metadata.labels == {"of": "data", "app": "web"}
    assert world.claims["data-web-0"].metadata.owner_references == []


def test_a_claim_takes_the_place_of_a_volume_of_its_name():
    made = stateful_set(claims=("data",))
    volumes = codec.from_tree(
        type(pod("p")), {"spec": {"containers": [], "volumes": [{"name": "data"}, {"name": "x"}]}}
    )
    template = made.spec.template
    template = replace(template, spec=replace(template.spec, volumes=volumes.spec.volumes))
    world = World(replace(made, spec=replace(made.spec, template=template)))
    world.step()
    names = [(volume.name, volume.persistent_volume_claim is not None) for volume in world.pods["web-0"].spec.volumes]
    assert names == [("data", True), ("x", False)]


def test_scaling_down_takes_the_highest_first_and_halts_at_an_unhealthy_pod():
    world = settled()
    world.set_state("web-0", ready=False)
    world.change(replicas=1)
    world.settle()
    assert world.log == []
    world.set_state("web-0")
    world.step()
    world.step()
    assert world.log == ["-web-2"]
    world.settle()
    assert world.log == ["-web-2", "-web-1"]
    assert world.stateful_set.status.replicas == 1


def test_an_unhealthy_pod_that_is_to_go_may_go():
    world = settled()
    world.set_state("web-2", ready=False)
    world.change(replicas=1)
    world.settle()
    assert world.log == ["-web-2", "-web-1"]


def test_an_update_goes_down_from_the_highest_one_at_a_time():
    world = settled()
    world.set_image("b")
    world.step()
    assert world.images() == {"web-0": "a", "web-1": "a", "web-2": "a"}
    assert world.log == ["-web-2"]
    assert world.stateful_set.status.current_replicas == 2
    world.step()
    assert world.log == ["-web-2"]
    world.run_kubelet()
    world.step()
    world.step()
    assert world.log == ["-web-2", "+web-2"]
    world.settle()
    assert world.log == ["-web-2", "+web-2", "-web-1", "+web-1", "-web-0", "+web-0"]
    assert world.stateful_set.status.current_revision == "rev-b"


def test_below_the_partition_pods_stay_and_are_made_anew_as_they_were():
    world = settled()
    world.change(update_strategy=rolling(partition=2))
    world.set_image("b")
    world.settle()
    assert world.images() == {"web-0": "a", "web-1": "a", "web-2": "b"}
    assert world.stateful_set.status.current_revision == "rev-a"
    world.terminate("web-0")
    world.terminate("web-2")
    world.settle()
    assert world.images() == {"web-0": "a", "web-1": "a", "web-2": "b"}
    world.change(update_strategy=rolling(partition=0))
    world.settle()
    assert set(world.images().values()) == {"b"}


def test_on_delete_waits_for_deletions():
    world = settled()
    world.change(update_strategy=StatefulSetUpdateStrategy(type="OnDelete"))
    world.set_image("b")
    world.settle()
    assert world.log == []
    world.terminate("web-1")
    world.settle()
    assert world.images() == {"web-0": "a", "web-1": "b", "web-2": "a"}


def test_several_may_be_unavailable_during_an_update():
    world = settled(replicas=5)
    world.change(update_strategy=rolling(max_unavailable="40%", partition=0))
    world.set_image("b")
    world.step()
    assert world.log == ["-web-4", "-web-3"]
    world.settle()
    assert set(world.images().values()) == {"b"}


def test_a_broken_update_is_replaced_by_the_next_without_taking_healthy_pods():
    world = settled(podManagementPolicy="Parallel")
    world.set_image("broken")
    world.step()
    world.run_kubelet()
    world.step()
    world.set_state("web-2", ready=False)
    for _ in range(5):
        world.step()
    assert world.log == ["-web-2", "+web-2"]
    world.set_image("b")
    world.step()
    assert world.log == ["-web-2", "+web-2", "-web-2"]
    world.settle()
    assert set(world.images().values()) == {"b"}


def test_ended_pods_are_replaced_once_they_are_gone():
    world = settled()
    world.set_state("web-1", phase="Failed", ready=False)
    world.step()
    world.step()
    assert world.log == ["-web-1"]
    world.settle()
    assert world.log == ["-web-1", "+web-1"]


def test_ordinals_may_start_anywhere():
    world = settled(replicas=2, ordinals={"start": 5})
    assert list(world.images()) == ["web-5", "web-6"]
    world.change(ordinals=StatefulSetOrdinals(start=6))
    world.settle()
    assert list(world.images()) == ["web-6", "web-7"]


def test_a_pod_counts_once_it_has_been_ready_for_long_enough():
    world = World(stateful_set(replicas=2, minReadySeconds=5))
    world.step()
    world.run_kubelet()
    waits = [world.step().requeue_seconds for _ in range(4)]
    assert waits == [4, 3, 2, 1]
    assert world.log == ["+web-0"]
    assert world.stateful_set.status.ready_replicas == 1
    assert world.stateful_set.status.available_replicas == 0
    for _ in range(3):
        world.step()
    assert world.log == ["+web-0", "+web-1"]


def retention(deleted, scaled):
    return {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": scaled}}


def owners(world, claim):
    return [(each.kind, each.name) for each in world.claims[claim].metadata.owner_references]


def test_claims_are_owned_by_who_takes_them_along():
    kept = settled(claims=("data",), **retention("Retain", "Retain"))
    assert owners(kept, "data-web-2") == []
    world = settled(claims=("data",), **retention("Delete", "Delete"))
    assert owners(world, "data-web-2") == [("StatefulSet", "web")]
    world.change(replicas=2)
    world.step()
    assert owners(world, "data-web-2") == [("Pod", "web-2")]
    assert owners(world, "data-web-1") == [("StatefulSet", "web")]


def test_a_new_pod_waits_until_the_claim_of_its_scaled_away_forerunner_is_gone():
    world = settled(claims=("data",), **retention("Retain", "Delete"))
    world.change(replicas=2)
    world.settle(3)
    world.change(replicas=3)
    world.settle(3)
    assert "web-2" not in world.pods
    del world.claims["data-web-2"]
    world.settle(3)
    assert "web-2" in world.pods


def test_a_claim_being_deleted_is_awaited():
    world = settled(claims=("data",))
    claim = world.claims["data-web-2"]
    metadata = replace(claim.metadata, deletion_timestamp="2024-01-01T00:00:00Z")
    world.claims["data-web-2"] = replace(claim, metadata=metadata)
    world.terminate("web-2")
    world.run_kubelet()
    decided = world.step()
    assert isinstance(decided.steps[0][0], AwaitClaim)
    assert "web-2" not in world.pods


def test_a_set_being_deleted_does_nothing():
    world = settled()
    world.stateful_set = replace(
        world.stateful_set,
        metadata=replace(world.stateful_set.metadata, deletion_timestamp="2024-01-01T00:00:00Z"),
    )
    world.terminate("web-1")
    world.run_kubelet()
    assert world.step().steps == []


def test_only_pods_named_after_the_set_are_its_own():
    made = stateful_set("web")
    names = ("web-3", "web-03", "web-x", "other-1", "web", "web-1-1", "web-99999999999")
    assert [ordinal_of(made, pod(name)) for name in names] == [3, None, None, None, None, None, None]


def test_adopted_pods_get_the_labels_of_their_identity():
    world = settled()
    bare = replace(world.pods["web-1"].metadata, labels={"app": "web", "controller-revision-hash": "rev-a"})
    world.pods["web-1"] = replace(world.pods["web-1"], metadata=bare)
    world.settle(2)
    assert world.pods["web-1"].metadata.labels["apps.kubernetes.io/pod-index"] == "1"


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    policy=st.sampled_from(["OrderedReady", "Parallel"]),
    unavailable=st.integers(1, 3),
    replicas=st.integers(1, 6),
)
def test_whatever_happens_an_update_keeps_within_its_limit_and_ends(seed, policy, unavailable, replicas):
    dice = random.Random(seed)
    world = settled(replicas=replicas, podManagementPolicy=policy)
    world.change(update_strategy=rolling(max_unavailable=unavailable, partition=0))
    world.set_image("b")
    for _ in range(200):
        before = sum(is_ready(each) and each.metadata.deletion_timestamp is None for each in world.pods.values())
        world.step()
        after = sum(is_ready(each) and each.metadata.deletion_timestamp is None for each in world.pods.values())
        assert after == before or after >= replicas - unavailable
        busy = [name for name in world.pods if dice.random() < 0.5]
        if busy:
            world.run_kubelet(*busy)
    assert set(world.images().values()) == {"b"}
    assert list(world.images()) == [f"web-{ordinal}" for ordinal in range(replicas)]
