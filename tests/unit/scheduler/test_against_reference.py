"""Random clusters: what the columns say must be what the plain judge says."""

import random

import pytest

from api import codec
from api.types import Pod
from scheduler.attempt import Unschedulable, attempt
from scheduler.cycle import Chosen
from scheduler.pod_info import pod_info
from scheduler.preemption.candidates import Candidates
from tests.support import placement_reference as reference
from tests.support.objects import node, pod
from tests.support.random_cluster import APPS, Dice, budget
from tests.support.scheduling import PROFILE, feasible, snapshot


def state_of(world):
    state = snapshot(world.nodes, world.pods, world.namespaces)
    for each in world.budgets:
        state.budgets.put(each)
    return state


@pytest.mark.parametrize("first_seed", range(0, 200, 100))
def test_filters(first_seed):
    for seed in range(first_seed, first_seed + 100):
        dice = Dice(seed)
        world = dice.world(dice.randint(2, 7), dice.randint(0, 14))
        state = state_of(world)
        for number in range(4):
            wanted = dice.pod(f"new-{number}")
            expected = {n.metadata.name for n in world.nodes if reference.fits(wanted, n, world)}
            assert feasible(state, wanted) == expected, f"seed {seed}, pod {number}"


@pytest.mark.parametrize("first_seed", range(0, 200, 100))
def test_preemption(first_seed):
    """The chosen node is one of the best by upstream's criteria, and no more has to go from it than must."""
    preempted = 0
    for seed in range(first_seed, first_seed + 100):
        dice = Dice(seed)
        world = dice.world(dice.randint(2, 5), dice.randint(6, 20))
        world.pods = [p for p in world.pods if p.metadata.deletion_timestamp is None]
        world.budgets = [budget(dice, f"b{number}") for number in range(dice.randrange(3))]
        state = state_of(world)
        tree = codec.to_tree(dice.pod("new"))
        tree["spec"]["priority"] = 50
        wanted = codec.from_tree(Pod, tree)
        fitting = {n.metadata.name for n in world.nodes if reference.fits(wanted, n, world)}
        outcome = attempt(pod_info(wanted), state, PROFILE, random.Random(0), Candidates())
        if fitting:
            assert isinstance(outcome, Chosen), f"seed {seed}"
            assert outcome.node in fitting
            continue
        assert isinstance(outcome, Unschedulable)
        rooms = reference.rooms(wanted, world)
        if not rooms:
            assert outcome.nomination is None, f"seed {seed}: {outcome.nomination}"
            assert "preemption: 0/" in outcome.message
            continue
        preempted += 1
        assert outcome.nomination is not None, f"seed {seed}: {outcome.message}"
        best = min(removal.rank for removal in rooms.values())
        removal = rooms[outcome.nomination.node]
        assert removal.rank == best, f"seed {seed}"
        gone = sorted(victim.pod.metadata.name for victim in outcome.nomination.victims)
        assert gone == sorted(v.metadata.name for v in removal.victims), f"seed {seed}"
    assert preempted >= 10


def test_what_is_remembered_of_nodes_never_differs_from_what_is_so():
    dice = Dice(7)
    nodes = [node(f"n{number}", cpu="4") for number in range(6)]
    state = snapshot(nodes)
    remembered = Candidates()
    placed = []
    for step in range(300):
        if placed and dice.random() < 0.4:
            state.displace(placed.pop(dice.randrange(len(placed))).metadata.uid)
        else:
            cpu, priority = dice.choice(("500m", "1", "2")), dice.choice((0, 10, 20))
            added = pod(f"old-{step}", cpu=cpu, priority=priority, labels={"app": dice.choice(APPS)})
            placed.append(added)
            state.place(pod_info(added), f"n{dice.randrange(6)}", nominated=dice.random() < 0.1)
        if dice.random() < 0.1:
            state.budgets.put(budget(dice, "b"))
        wanted = pod_info(pod("new", cpu=dice.choice(("3", "4")), priority=dice.choice((15, 50))))
        warm = attempt(wanted, state, PROFILE, random.Random(0), remembered)
        cold = attempt(wanted, state, PROFILE, random.Random(0), Candidates())
        assert warm == cold, f"step {step}"


@pytest.mark.parametrize("seed", range(3))
def test_filters_with_many_nodes(seed):
    """So many that counts are kept in arrays."""
    dice = Dice(seed)
    world = dice.world(100, 220)
    state = state_of(world)
    for number in range(2):
        wanted = dice.pod(f"new-{number}")
        expected = {n.metadata.name for n in world.nodes if reference.fits(wanted, n, world)}
        assert feasible(state, wanted) == expected, f"pod {number}"
    for gone in world.pods[:150]:
        state.displace(gone.metadata.uid)
    world = world.without(world.pods[:150])
    expected = {n.metadata.name for n in world.nodes if reference.fits(wanted, n, world)}
    assert feasible(state, wanted) == expected
