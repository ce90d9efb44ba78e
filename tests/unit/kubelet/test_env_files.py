"""Files of environment variables: their syntax, and what is not read for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubelet.containers import env_files
from kubelet.containers.env_files import EnvFileFailure


def test_values_are_taken_as_they_are() -> None:
    text = "# a comment\n\n  A = 'one'  \nB='two\n # lines $A \"'\n\t# another\nA='last'"
    assert env_files.parse(text) == {"A": "last", "B": 'two\n # lines $A "'}


@pytest.mark.parametrize("line", ["A=one", 'A="one"', "A='one''two'", "A='one' two", "A='one", "export A='one'", "A"])
def test_what_is_not_quoted_once_is_refused(line: str) -> None:
    with pytest.raises(EnvFileFailure, match="at line 2, "):
        env_files.parse(f"# first\n{line}\n")


def test_a_file_is_read_from_inside_its_volume_alone(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    (volume / "deep").mkdir(parents=True)
    (volume / "deep" / "file").write_text("A='one'\n")
    assert env_files.read(volume, "deep/file") == {"A": "one"}
    assert env_files.read(volume, "other") is None
    (tmp_path / "secret").write_text("A='theirs'\n")
    (volume / "link").symlink_to("../secret")
    (volume / "linked").symlink_to("..")
    os.mkfifo(volume / "pipe")
    (volume / "large").write_text("#" * (env_files.MAX_BYTES + 1))
    for path in ("link", "linked/secret", "pipe", "deep", "large"):
        with pytest.raises(EnvFileFailure):
            env_files.read(volume, path)
