"""No wake-up is lost: whatever happens, a pod that could now be placed does not stay among the unschedulable."""

import random
from dataclasses import replace

import pytest
from msgspec import structs

from scheduler.config_file import Settings
from scheduler.cycle import Chosen, choose_node
from scheduler.queue import Place
from tests.support.objects import namespace
from tests.support.random_cluster import Dice
from tests.support.scheduling import PROFILE, core_of

# Room is not made here, it is waited for.
WAITING = replace(PROFILE, preempts=False)


class Cluster:
    """A core that is told of random changes."""

    def __init__(self, seed):
        self.dice = Dice(seed)
        self.core = core_of(Settings({WAITING.name: WAITING}), [])
        self.nodes, self.placed, self.namespaces = {}, [], {}
        self.now = 0.0
        for name, team in (("default", "a"), ("shop", "b")):
            self._namespace(name, team)
        for number in range(4):
            self._node(number)

    def change(self):
        """Change something; what, for people."""
        dice = self.dice
        what = dice.random()
        if what < 0.3 and self.nodes:
            self._place(f"old-{self.now}")
            return f"placed {self.placed[-1]}"
        if what < 0.55 and self.placed:
            gone = self.placed.pop(dice.randrange(len(self.placed)))
            self.core.pod_changed(gone, None, self.now)
            return f"gone {gone}"
        if what < 0.8:
            self._node(dice.randrange(5))
            return f"nodes {self.nodes}"
        if what < 0.9 and len(self.nodes) > 1:
            name = dice.choice(sorted(self.nodes))
            self.core.node_changed(self.nodes.pop(name), None, self.now)
            return f"removed {name}"
        self._namespace("shop", dice.choice("ab"))
        return f"namespaces {self.namespaces}"

    def work_off(self):
        """Try who can be tried; bindings succeed at once."""
        while (decision := self.core.step(self.now)) is not None:
            self.now += 0.001
            if isinstance(decision.outcome, Chosen):
                pod = decision.queued.pod.pod
                bound = structs.replace(pod, spec=structs.replace(pod.spec, node_name=decision.outcome.node))
                self.core.pod_changed(pod, bound, self.now)

    def _place(self, name):
        placed = self.dice.pod(name, on=self.dice.choice(sorted(self.nodes)))
        self.placed.append(placed)
        self.core.pod_changed(None, placed, self.now)

    def _node(self, number):
        made = self.dice.node(number)
        name = made.metadata.name
        self.core.node_changed(self.nodes.get(name), made, self.now)
        self.nodes[name] = made

    def _namespace(self, name, team):
        made = namespace(name, {"team": team})
        self.core.namespace_changed(self.namespaces.get(name), made, self.now)
        self.namespaces[name] = made


def stuck(cluster):
    """The unschedulable pods that a node would take."""
    waiting = cluster.core.queue.waiting()
    assert all(queued.place is Place.UNSCHEDULABLE for queued in waiting)
    outcomes = [(q, choose_node(q.pod, cluster.core.snapshot, WAITING, random.Random(0))) for q in waiting]
    return [(queued.pod.pod.spec, queued.rejected_by) for queued, outcome in outcomes if isinstance(outcome, Chosen)]


@pytest.mark.parametrize("seed", range(20))
def test_who_can_be_placed_does_not_stay_unschedulable(seed):
    cluster = Cluster(seed)
    for number in range(12):
        cluster.core.pod_changed(None, cluster.dice.pod(f"new-{number}"), 0.0)
    for step in range(40):
        cluster.now = 20.0 * (step + 1)
        cluster.work_off()
        changed = cluster.change()
        assert stuck(cluster) == [], f"step {step}: {changed}"
