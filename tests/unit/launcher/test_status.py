"""What commands say of a cluster that is there and does not answer."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from podling.errors import CommandError
from podling.launcher import commands, lock, plan, stored_plan


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """One that holds a cluster, with an id that no supervisor listens for."""
    cluster = plan.Cluster(
        id=f"test-{os.getpid()}",
        directory=str(tmp_path),
        network_index=0,
        node_count=1,
        node_cpu=1,
        node_memory=1 << 30,
        image_store=str(tmp_path),
        grpc="127.0.0.1:1",
        rest="127.0.0.1:2",
    )
    (tmp_path / stored_plan.FILE).write_bytes(msgspec.json.encode(cluster))
    return tmp_path


def test_a_cluster_nobody_runs_is_down(directory: Path) -> None:
    with pytest.raises(CommandError, match="is down: start it with `podling up --dir"):
        commands.status(dir=directory)


def test_one_whose_supervisor_does_not_listen_yet_or_any_more_says_so_in_words(directory: Path) -> None:
    with lock.taken(directory), pytest.raises(CommandError) as told:
        commands.status(dir=directory)
    assert str(told.value) == "the cluster is just starting or stopping: ask again in a moment"
