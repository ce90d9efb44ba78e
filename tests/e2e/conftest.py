"""One cluster of three nodes for all e2e tests; each test has a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, eventually
from tests.support.kube import Api, Space

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Up for the whole session; at its end nothing may have died unasked, and nothing may be left."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("cluster")))
    cluster.up("--nodes", "3", "--node-memory", "1Gi")
    try:
        yield cluster
        told = eventually("every process is well", lambda: _well(cluster), state=cluster.logs)
        restarts = {line.split()[0]: int(line.split()[-1]) for line in told.splitlines()[1:]}
        complaints = cluster.complaints()
        ends = (cluster.directory / "log" / "launcher.log").read_text()
    finally:
        cluster.down()
    assert cluster.leaks() == []
    assert restarts == {name: cluster.restarted.count(name) for name in restarts}, ends
    assert complaints == [], "\n".join(complaints)


def _well(cluster: Cluster) -> str:
    """What `podling status` tells, once all are well: who is busy may answer too late once."""
    done = cluster.podling("status", check=False)
    return done.stdout if done.returncode == 0 else ""


@pytest.fixture
def make_space(cluster: Cluster) -> Iterator[Callable[[], Space]]:
    """Makes namespaces that are deleted, with all in them, after the test."""
    made: list[Space] = []

    def make() -> Space:
        space = Space(cluster, f"test-{next(_numbers)}")
        space.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.name}})
        made.append(space)
        # What controllers put into every namespace: pods wait for it, and tests count what is there.
        space.wait("there", "serviceaccounts", "default", bool)
        space.wait("there", "configmaps", "kube-root-ca.crt", bool)
        return space

    yield make
    for space in made:
        if space.find("namespaces", space.name):
            space.delete("namespaces", space.name)


@pytest.fixture
def space(make_space: Callable[[], Space]) -> Space:
    """A namespace of the test's own."""
    return make_space()


@pytest.fixture
def namespace(space: Space) -> str:
    """The name of a namespace of the test's own."""
    return space.name


@pytest.fixture(scope="session")
def admin(cluster: Cluster) -> Api:
    return Api(cluster)
