"""The storage of a cluster on real hosts is that of `podling up`."""

from __future__ import annotations

from pathlib import Path

from api import yaml
from podling.launcher.storage import CSI_DRIVER, SNAPSHOT_CLASS, STORAGE_CLASS

FILE = Path(__file__).parents[3] / "deploy" / "systemd" / "storage.yaml"


def test_the_manifest_says_what_the_launcher_makes() -> None:
    assert list(yaml.load_all(FILE.read_text())) == [CSI_DRIVER, STORAGE_CLASS, SNAPSHOT_CLASS]
