import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from api import codec, defaults, timestamps
from api.types import DaemonSet, Pod
from controllers.daemonset.backoff import FailureBackoff
from controllers.daemonset.fit import Rules, target_node
from controllers.daemonset.plan import Observed, plan
from controllers.daemonset.pods import new_pod
from controllers.pods import is_ready
from tests.support.objects import metadata, node, template, uid

START = 1_700_000_000.0
NO_EXECUTE, NO_SCHEDULE = "NoExecute", "NoSchedule"


def daemon_set(*, rolling=None, strategy="RollingUpdate", pod_spec=None, **spec):
    made = template({"app": "agent"})
    made["spec"].update(pod_spec or {})
    update = {"type": strategy, **({"rollingUpdate": rolling} if rolling else {})}
    tree = {
        "metadata": metadata("agent", generation=1, annotations={"deprecated.daemonset.template.generation": "1"}),
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": made, "updateStrategy": update, **spec},
    }
    return defaults.apply(codec.from_tree(DaemonSet, tree))


class World:
    """One daemon set on some nodes; `step` is one pass of its controller, carried out."""

    def __init__(self, made, *nodes):
        self.daemon_set = made
        self.nodes = {each: node(each) for each in nodes}
        self.pods: dict[str, Pod] = {}
        self.revision = "one"
        self.backoff = FailureBackoff()
        self.now = START
        self._named = 0

    def step(self):
        self.now += 1
        seen = Observed(list(self.nodes.values()), list(self.pods.values()), self.revision, self.backoff)
        decided = plan(self.daemon_set, seen, self.now)
        for name in decided.create:
            self._create(name)
        for each in decided.delete:
            self.terminate(each.metadata.name)
        for _, name in decided.failed:
            self.backoff.replaced((self.daemon_set.metadata.uid, name), self.now)
        self.daemon_set = replace(self.daemon_set, status=decided.status)
        return decided

    def _create(self, name):
        self._named += 1
        pod = new_pod(self.daemon_set, name, self.revision)
        made = timestamps.now_text(self.now)
        meta = replace(pod.metadata, name=f"agent-{self._named}", uid=uid(), creation_timestamp=made)
        self.pods[meta.name] = replace(pod, metadata=meta, status=replace(pod.status, phase="Pending"))

    def terminate(self, name):
        pod = self.pods[name]
        going = replace(pod.metadata, deletion_timestamp=timestamps.now_text(self.now))
        self.pods[name] = replace(pod, metadata=going)

    def set_state(self, name, *, phase="Running", ready=True):
        when = timestamps.now_text(self.now)
        condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": when}
        status = codec.from_tree(Pod, {"status": {"phase": phase, "conditions": [condition]}}).status
        self.pods[name] = replace(self.pods[name], status=status)

    def run_kubelets(self, *names):
        for name in names or list(self.pods):
            if self.pods[name].metadata.deletion_timestamp is not None:
                del self.pods[name]
            elif self.pods[name].status.phase == "Pending":
                self.set_state(name)

    def settle(self, passes=30):
        for _ in range(passes):
            self.step()
            self.run_kubelets()

    def update(self, revision="two"):
        self.revision = revision

    def on(self, name):
        return [pod for pod in self.pods.values() if target_node(pod) == name]

    def revisions(self):
        return sorted(pod.metadata.labels["controller-revision-hash"] for pod in self.pods.values())


def settled(*nodes, **spec):
    world = World(daemon_set(**spec), *(nodes or ("a", "b", "c")))
    world.settle(4)
    return world


def test_every_node_gets_a_pod_of_its_own():
    world = settled()
    assert [len(world.on(name)) for name in ("a", "b", "c")] == [1, 1, 1]
    status = world.daemon_set.status
    assert status.desired_number_scheduled == status.current_number_scheduled == status.number_ready == 3
    assert status.number_available == status.updated_number_scheduled == 3
    assert (status.number_unavailable, status.number_misscheduled, status.observed_generation) == (0, 0, 1)


def test_a_pod_is_pinned_to_its_node_and_stays_on_failing_ones():
    made = new_pod(daemon_set(pod_spec={"hostNetwork": True}), "a", "one")
    assert codec.to_tree(made.spec.affinity) == {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]},
                ]
            }
        }
    }
    assert [(each.key.removeprefix("node.kubernetes.io/"), each.effect) for each in made.spec.tolerations] == [
        ("not-ready", NO_EXECUTE),
        ("unreachable", NO_EXECUTE),
        ("disk-pressure", NO_SCHEDULE),
        ("memory-pressure", NO_SCHEDULE),
        ("pid-pressure", NO_SCHEDULE),
        ("unschedulable", NO_SCHEDULE),
        ("network-unavailable", NO_SCHEDULE),
    ]
    assert made.metadata.labels == {
        "app": "agent",
        "controller-revision-hash": "one",
        "pod-template-generation": "1",
    }


def requirement(key, operator, *values):
    return {"key": key, "operator": operator, "values": list(values)}


def terms(*expressions, fields=()):
    term = {"matchExpressions": list(expressions), "matchFields": list(fields)}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


@pytest.mark.parametrize(
    ("pod_spec", "labels", "taints", "expected"),
    [
        ({}, {}, [], (True, True)),
        ({"nodeSelector": {"disk": "ssd"}}, {"disk": "ssd"}, [], (True, True)),
        ({"nodeSelector": {"disk": "ssd"}}, {}, [], (False, False)),
        ({"nodeName": "other"}, {}, [], (False, False)),
        (terms(requirement("disk", "In", "ssd", "nvme")), {"disk": "nvme"}, [], (True, True)),
        (terms(requirement("disk", "NotIn", "ssd")), {"disk": "ssd"}, [], (False, False)),
        (terms(requirement("disk", "Exists"), requirement("gpu", "DoesNotExist")), {"disk": "x"}, [], (True, True)),
        (terms(requirement("cores", "Gt", "4")), {"cores": "8"}, [], (True, True)),
        (terms(requirement("cores", "Lt", "4")), {"cores": "many"}, [], (False, False)),
        (terms(fields=[requirement("metadata.name", "In", "n")]), {}, [], (True, True)),
        (terms(fields=[requirement("metadata.name", "NotIn", "n")]), {}, [], (False, False)),
        (terms(), {}, [], (False, False)),
        ({}, {}, [("dedicated", NO_SCHEDULE)], (False, True)),
        ({}, {}, [("dedicated", NO_EXECUTE)], (False, False)),
        ({}, {}, [("dedicated", "PreferNoSchedule")], (True, True)),
        ({}, {}, [("node.kubernetes.io/unreachable", NO_EXECUTE)], (True, True)),
        ({"tolerations": [{"operator": "Exists"}]}, {}, [("dedicated", NO_EXECUTE)], (True, True)),
    ],
)
def test_which_nodes_should_run_a_daemon(pod_spec, labels, taints, expected):
    rules = Rules(daemon_set(pod_spec=pod_spec))
    fit = rules.fit(node("n", labels=labels, taints=[{"key": key, "effect": effect} for key, effect in taints]))
    assert (fit.should_run, fit.should_continue) == expected


def test_a_node_that_may_keep_its_daemon_gets_no_other():
    world = settled()
    world.nodes["a"] = node("a", taints=[{"key": "dedicated", "effect": NO_SCHEDULE}])
    world.settle(2)
    assert len(world.on("a")) == 1
    assert world.daemon_set.status.number_misscheduled == 1
    world.terminate(world.on("a")[0].metadata.name)
    world.settle(2)
    assert world.on("a") == []
    world.nodes["b"] = node("b", taints=[{"key": "dedicated", "effect": NO_EXECUTE}])
    world.settle(2)
    assert world.on("b") == []
    assert world.daemon_set.status.desired_number_scheduled == 1


def test_a_new_pod_waits_until_the_old_one_is_gone():
    world = settled("a")
    world.terminate("agent-1")
    assert world.step().create == []
    world.run_kubelets()
    assert world.step().create == ["a"]


def test_pods_for_nodes_that_are_no_more_go():
    world = World(daemon_set(), "a")
    world.step()
    del world.nodes["a"]
    assert [pod.metadata.name for pod in world.step().delete] == ["agent-1"]


def test_failed_daemons_are_replaced_ever_more_slowly():
    world = settled("a")
    waits = []
    for _ in range(5):
        (name,) = world.pods
        world.set_state(name, phase="Failed", ready=False)
        waited = 0
        while not (decided := world.step()).failed:
            assert decided.delete == []
            assert decided.requeue_seconds is not None
            waited += 1
        waits.append(waited)
        world.run_kubelets()
        world.step()
    assert waits[:2] == [0, 0]
    assert waits == sorted(waits)
    assert waits[-1] > 2


def test_a_long_quiet_daemon_fails_for_the_first_time_again():
    backoff, key = FailureBackoff(), ("uid", "a")
    for second in range(20):
        backoff.replaced(key, START + second)
    assert backoff.remaining(key, START + 19) == 900
    backoff.replaced(key, START + 10_000)
    assert backoff.remaining(key, START + 10_000) == 1


def test_a_daemon_that_ended_well_is_made_anew_too():
    world = settled("a")
    world.set_state("agent-1", phase="Succeeded", ready=False)
    assert [name for _, name in world.step().succeeded] == ["a"]
    world.settle(2)
    assert [pod.metadata.name for pod in world.on("a")] == ["agent-2"]


def test_an_update_replaces_as_many_as_may_be_unavailable():
    world = settled(rolling={"maxUnavailable": 2})
    world.update()
    assert len(world.step().delete) == 2
    assert world.step().delete == []
    world.run_kubelets()
    assert len(world.step().create) == 2
    assert world.step().delete == []
    world.settle()
    assert world.revisions() == ["two"] * 3


def test_old_daemons_that_are_not_available_anyway_go_first():
    world = settled()
    world.set_state("agent-2", ready=False)
    world.update()
    assert {pod.metadata.name for pod in world.step().delete} >= {"agent-2"}
    assert world.daemon_set.status.updated_number_scheduled == 0


def test_with_surge_the_new_daemon_comes_before_the_old_one_goes():
    world = settled(rolling={"maxSurge": 1, "maxUnavailable": 0})
    world.update()
    (name,) = world.step().create
    assert len(world.on(name)) == 2
    assert (world.step().create, world.step().delete) == ([], [])
    world.run_kubelets()
    decided = world.step()
    assert [target_node(pod) for pod in decided.delete] == [name]
    assert decided.delete[0].metadata.labels["controller-revision-hash"] == "one"
    world.settle()
    assert world.revisions() == ["two"] * 3


def test_on_delete_updates_nothing_by_itself():
    world = settled(strategy="OnDelete")
    world.update()
    world.settle(3)
    assert world.revisions() == ["one"] * 3
    world.terminate("agent-1")
    world.settle(3)
    assert world.revisions() == ["one", "one", "two"]


def test_a_daemon_counts_as_available_after_its_time():
    world = settled(minReadySeconds=60)
    assert world.daemon_set.status.number_ready == 3
    assert world.daemon_set.status.number_available == 0
    waited = world.step().requeue_seconds
    world.now += waited
    world.step()
    assert world.daemon_set.status.number_available == 3
    assert world.step().requeue_seconds is None


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), surge=st.booleans(), amount=st.integers(1, 3))
def test_whatever_happens_an_update_keeps_within_its_limit_and_ends(seed, surge, amount):
    dice = random.Random(seed)
    limits = {"maxSurge": amount, "maxUnavailable": 0} if surge else {"maxUnavailable": amount}
    world = settled("a", "b", "c", "d", rolling=limits)
    world.update()
    for _ in range(150):
        world.step()
        up = [pod for pod in world.pods.values() if is_ready(pod) and pod.metadata.deletion_timestamp is None]
        assert len({target_node(pod) for pod in up}) >= (4 if surge else 4 - amount)
        assert (
            len([pod for pod in world.pods.values() if pod.metadata.deletion_timestamp is None]) <= 4 + amount * surge
        )
        busy = [name for name in world.pods if dice.random() < 0.5]
        if busy:
            world.run_kubelets(*busy)
    assert world.revisions() == ["two"] * 4
