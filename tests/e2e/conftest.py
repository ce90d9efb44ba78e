"""One cluster of three nodes for all e2e tests; each test has a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(Path(tmp_path_factory.mktemp("cluster")))
    cluster.up("--nodes", "3", "--node-memory", "1Gi")
    yield cluster
    cluster.down()
    assert cluster.leaks() == []


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that is deleted, with all in it, after the test."""
    name = f"test-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
