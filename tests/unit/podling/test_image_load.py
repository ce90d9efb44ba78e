"""`podling load` without a file: the archive is what comes in."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from images.store import Store
from podling import image_commands
from podling.errors import CommandError
from tests.support.images import Member, docker_archive, tar


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes, *, terminal: bool = False) -> None:
    given = SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: terminal)
    monkeypatch.setattr(sys, "stdin", given)


@pytest.mark.parametrize("file", [None, Path("-")])
def test_an_archive_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path | None
) -> None:
    monkeypatch.setattr(image_commands, "DEFAULT_IMAGE_STORE", str(tmp_path))
    standard_input(monkeypatch, docker_archive([tar(Member("x", b"x"))], ["web:1"]))
    image_commands.load(file)
    assert capsys.readouterr().out.startswith("loaded docker.io/library/web:1 (sha256:")
    assert Store(tmp_path).resolve("web:1").layers[0].joinpath("x").read_bytes() == b"x"


def test_a_terminal_is_no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, b"", terminal=True)
    with pytest.raises(CommandError, match="say which archive"):
        image_commands.load()
