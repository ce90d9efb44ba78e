"""One cluster of three nodes for the tests that leave it whole; the seed of everything random."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.chaos import SEED_VARIABLE, Processes, new_seed
from tests.support.cluster import Cluster
from tests.support.kube import Space

_numbers = itertools.count(1)


@pytest.fixture
def generator() -> random.Random:
    """Seeded anew, or from the environment; the seed is printed."""
    seed = new_seed()
    print(f"replay with {SEED_VARIABLE}={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Up for the whole session; at its end everything must be well and nothing left."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("cluster")))
    cluster.up("--nodes", "3", "--node-memory", "1Gi")
    try:
        yield cluster
        Processes(cluster).wait_well()
        complaints = cluster.complaints()
    finally:
        cluster.down()
    assert cluster.leaks() == []
    assert complaints == []


@pytest.fixture(scope="session")
def processes(cluster: Cluster) -> Processes:
    return Processes(cluster)


@pytest.fixture(scope="module")
def make_space(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[[], Space]]:
    """Makes namespaces that are deleted, with all in them, after the module."""
    made: list[Space] = []
    Processes(cluster).wait_well()

    def make() -> Space:
        space = Space(cluster, f"chaos-{next(_numbers)}")
        space.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.name}})
        made.append(space)
        space.wait("there", "serviceaccounts", "default", bool)
        return space

    yield make
    for space in made:
        space.delete("namespaces", space.name)
        space.gone("namespaces", space.name, seconds=120)
