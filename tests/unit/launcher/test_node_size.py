"""What `podling up` says of sizes that cannot be a node's."""

from __future__ import annotations

from pathlib import Path

import pytest

from podling.errors import CommandError
from podling.launcher import commands


@pytest.mark.parametrize(
    ("size", "complaint"),
    [
        ({"node_cpu": "abc"}, "--node-cpu: 'abc' is not a quantity"),
        ({"node_cpu": "0"}, "--node-cpu must be more than 0, not 0"),
        ({"node_memory": "-1Gi"}, "--node-memory must be more than 0, not -1Gi"),
        ({"node_memory": "5M"}, "--node-memory must be at least 128Mi, not 5M"),
    ],
)
def test_an_impossible_size_is_refused_before_anything_is_made(
    size: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=complaint):
        commands.up(dir=tmp_path / "cluster", **size)
    assert not (tmp_path / "cluster").exists()
