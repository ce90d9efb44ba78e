from collections.abc import Iterator
from pathlib import Path

import pytest

from images.store import Store
from tests.support.images import machine_images as machine_images


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store, with nothing half done in it at the end."""
    store = Store(tmp_path / "store")
    yield store
    scratch = tmp_path / "store" / "scratch"
    assert not scratch.exists() or not list(scratch.iterdir())
