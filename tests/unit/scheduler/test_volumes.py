import pytest

from api import codec
from api.types import CSIDriver, CSINode, CSIStorageCapacity, VolumeSnapshotContent
from scheduler.plugins import volume_binding
from scheduler.pod_info import pod_info
from scheduler.snapshot.volumes import VolumeDecision
from scheduler.storage import store
from tests.support.objects import claim, node, pod, storage_class, volume
from tests.support.scheduling import choose, core, feasible, snapshot

UNRESOLVABLE = "preemption: 0/{} nodes are available: {} Preemption is not helpful for scheduling."


def using(name, *claims, **more):
    volumes = [{"name": f"v{i}", "persistentVolumeClaim": {"claimName": each}} for i, each in enumerate(claims)]
    return pod(name, volumes=volumes, **more)


def state_with(nodes, *stored, pods=()):
    state = snapshot(nodes, list(pods))
    for each in stored:
        store(state.volumes, None, each)
    return state


def nodes(*names, **more):
    return [node(name, **more) for name in names]


def decide(state, wanted, on):
    return volume_binding.decide(pod_info(wanted), state, on)


@pytest.mark.parametrize(
    "stored, reason",
    [
        ([], 'persistentvolumeclaim "c" not found'),
        ([claim("c")], "pod has unbound immediate PersistentVolumeClaims"),
        ([claim("c"), storage_class("slow", wait=False)], "pod has unbound immediate PersistentVolumeClaims"),
        (
            [claim("c", meta={"deletionTimestamp": "2024-01-01T00:00:00Z"})],
            'persistentvolumeclaim "c" is being deleted',
        ),
    ],
)
def test_a_pod_waits_for_its_claims_whatever_the_node(stored, reason):
    state = state_with(nodes("a", "b"), *stored)
    assert choose(state, using("p", "c")) == f"0/2 nodes are available: {reason}. {UNRESOLVABLE.format(2, 2)}"


def test_the_claim_of_an_ephemeral_volume_is_waited_for_and_must_be_the_pods_own():
    wanted = pod("p", volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}])
    state = state_with(nodes("a"))
    assert 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v"' in choose(state, wanted)
    store(state.volumes, None, claim("p-v", to="pv"))
    assert "PVC default/p-v was not created for pod default/p (pod is not owner)" in choose(state, wanted)


def test_a_bound_volume_pins_the_pod():
    state = state_with(nodes("a", "b"), claim("c", to="pv"), volume("pv", on=("b",)))
    assert choose(state, using("p", "c")) == "b"
    state = state_with(nodes("a"), claim("c", to="pv"), volume("pv", on=("b",)))
    message = "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity. "
    assert choose(state, using("p", "c")) == message + UNRESOLVABLE.format(1, 1)


def test_the_smallest_volume_that_will_do_is_chosen_where_it_can_be_reached():
    volumes = [
        volume("big", size="9Gi", on=("a", "b")),
        volume("fit", size="2Gi", on=("b",)),
        volume("tiny", size="1Mi"),
    ]
    none = storage_class("slow", provisioner="kubernetes.io/no-provisioner")
    state = state_with(nodes("a", "b", "c"), none, claim("c"), *volumes)
    wanted = using("p", "c")
    assert feasible(state, wanted) == {"a", "b"}
    assert decide(state, wanted, "a") == VolumeDecision("a", ((("default", "c"), "big"),))
    assert decide(state, wanted, "b") == VolumeDecision("b", ((("default", "c"), "fit"),))
    state.volumes.assume("another", VolumeDecision("b", ((("default", "other"), "fit"),)))
    assert decide(state, wanted, "b") == VolumeDecision("b", ((("default", "c"), "big"),))


def test_two_claims_of_a_pod_never_share_a_volume():
    none = storage_class("slow", provisioner="kubernetes.io/no-provisioner")
    stored = [
        none,
        claim("c"),
        claim("d"),
        volume("one", on=("a",)),
        volume("two", on=("b",)),
        volume("three", on=("b",)),
    ]
    state = state_with(nodes("a", "b"), *stored)
    wanted = using("p", "c", "d")
    assert feasible(state, wanted) == {"b"}
    assert {name for _, name in decide(state, wanted, "b").static} == {"two", "three"}


@pytest.mark.parametrize(
    "odd",
    [
        {"accessModes": ["ReadWriteMany"]},
        {"volumeMode": "Block"},
        {"selector": {"matchLabels": {"kind": "ssd"}}},
        {"resources": {"requests": {"storage": "10Gi"}}},
        {"storageClassName": "other"},
    ],
)
def test_a_volume_must_be_what_the_claim_asks_for(odd):
    classes = [storage_class(name, provisioner="kubernetes.io/no-provisioner") for name in ("slow", "other")]
    state = state_with(nodes("a"), *classes, claim("c", **odd), volume("pv"))
    assert "1 node(s) didn't find available persistent volumes to bind" in choose(state, using("p", "c"))


def test_a_volume_is_made_where_the_class_allows_it():
    allowed = [{"matchLabelExpressions": [{"key": "zone", "values": ["x"]}]}]
    state = state_with(
        [node("a", labels={"zone": "x"}), node("b")], storage_class("slow", allowedTopologies=allowed), claim("c")
    )
    assert choose(state, using("p", "c")) == "a"
    assert decide(state, using("p", "c"), "a") == VolumeDecision("a", (), (("default", "c"),))
    selected = claim("c", meta={"annotations": {"volume.kubernetes.io/selected-node": "b"}})
    assert choose(state_with(nodes("a", "b"), storage_class("slow"), selected), using("p", "c")) == "b"


def test_a_driver_that_counts_its_space_is_believed():
    driver = codec.from_tree(CSIDriver, {"metadata": {"name": "example.com/disk"}, "spec": {"storageCapacity": True}})
    capacity = {
        "metadata": {"name": "k", "namespace": "default"},
        "storageClassName": "slow",
        "capacity": "5Gi",
        "nodeTopology": {"matchLabels": {"kubernetes.io/hostname": "b"}},
    }
    state = state_with(nodes("a", "b"), storage_class("slow"), driver, codec.from_tree(CSIStorageCapacity, capacity))
    store(state.volumes, None, claim("c", size="4Gi"))
    assert choose(state, using("p", "c")) == "b"
    store(state.volumes, None, claim("c", size="6Gi"))
    assert "2 node(s) did not have enough free storage" in choose(state, using("p", "c"))


def test_a_claim_for_one_pod_serves_one_pod_and_the_more_important_one():
    alone = claim("c", to="pv", accessModes=["ReadWriteOncePod"])
    state = state_with(nodes("a", "b"), alone, volume("pv"), pods=[using("old", "c", on="a")])
    reason = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
    assert f"2 {reason}" in choose(state, using("p", "c"))
    assert "preemption" not in choose(state, using("p", "c", priority=5))


def test_a_driver_takes_no_more_volumes_than_it_says():
    csi = {"driver": "example.com/disk"}
    drivers = [{"name": "example.com/disk", "nodeID": "a", "allocatable": {"count": 1}}]
    state = state_with(
        nodes("a"),
        codec.from_tree(CSINode, {"metadata": {"name": "a"}, "spec": {"drivers": drivers}}),
        *(volume(f"pv{i}", csi={**csi, "volumeHandle": f"h{i}"}) for i in (1, 2)),
        *(claim(f"c{i}", to=f"pv{i}") for i in (1, 2)),
        pods=[using("old", "c1", on="a")],
    )
    assert choose(state, using("shares", "c1")) == "a"
    assert "1 node(s) exceed max volume count" in choose(state, using("p", "c2"))


def test_a_volume_of_a_zone_is_used_there():
    zone = "topology.kubernetes.io/zone"
    labelled = [node("a", labels={zone: "x"}), node("b", labels={zone: "y"})]
    stored = [claim("c", to="pv"), volume("pv", labels={zone: "y__z"})]
    assert choose(state_with(labelled, *stored), using("p", "c")) == "b"
    assert "1 node(s) had no available volume zone" in choose(state_with(labelled[:1], *stored), using("p", "c"))


def test_a_waiting_pod_is_tried_when_its_claim_comes():
    scheduler = core(nodes("a"))
    scheduler.pod_changed(None, using("p", "c"), 0.0)
    assert "not found" in scheduler.step(0.0).outcome.message
    scheduler.storage_changed(None, claim("other", to="pv"), 1.0)
    assert scheduler.step(1.0) is None
    scheduler.storage_changed(None, storage_class("slow"), 1.0)
    scheduler.storage_changed(None, claim("c"), 2.0)
    decision = scheduler.step(2.0)
    assert decision.volumes == VolumeDecision("a", (), (("default", "c"),))
    scheduler.binding_failed(decision.queued, 3.0)
    assert scheduler.snapshot.volumes.assumed_node(("default", "c")) == ""


def snapshot_content(ready=True, **labels):
    tree = {
        "metadata": {"name": "content", "labels": labels},
        "spec": {"volumeSnapshotRef": {"namespace": "default", "name": "s"}},
        "status": {"readyToUse": ready},
    }
    return codec.from_tree(VolumeSnapshotContent, tree)


@pytest.mark.parametrize(
    "contents, places",
    [
        ([], set()),
        ([snapshot_content(ready=False)], set()),
        ([snapshot_content()], {"a", "b"}),
        ([snapshot_content(**{"snapshot.storage.kubernetes.io/managed-by": "b"})], {"b"}),
        ([snapshot_content(**{"snapshot.storage.kubernetes.io/managed-by": "gone"})], set()),
    ],
)
def test_a_volume_is_restored_where_its_snapshot_is(contents, places):
    source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
    state = state_with(nodes("a", "b"), claim("c", dataSource=source), storage_class("slow"), *contents)
    assert set(feasible(state, using("p", "c"))) == places
