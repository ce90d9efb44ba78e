"""`--chmod`: octal and symbolic modes."""

from __future__ import annotations

import pytest

from podling.build import modes
from podling.build.modes import ModeError


@pytest.mark.parametrize(
    ("text", "before", "file", "folder"),
    [
        ("640", 0o755, 0o640, 0o640),
        ("+x", 0o644, 0o755, 0o755),
        ("u=rwX,go=rX", 0o600, 0o644, 0o755),
        ("u=rwX,go=rX", 0o700, 0o755, 0o755),
        ("a-w", 0o666, 0o444, 0o444),
        ("g=u,o=", 0o741, 0o770, 0o770),
        ("u+s,g+s,+t", 0o755, 0o7755, 0o7755),
        ("go=", 0o6777, 0o4700, 0o4700),
        ("u-x+w", 0o555, 0o655, 0o655),
    ],
)
def test_modes(text: str, before: int, file: int, folder: int) -> None:
    chmod = modes.parse(text)
    assert oct(chmod.of(before, is_folder=False)) == oct(file)
    assert oct(chmod.of(before, is_folder=True)) == oct(folder)


@pytest.mark.parametrize("text", ["8", "77777", "u", "u=rwz", "rwx", "u=r,"])
def test_what_is_no_mode(text: str) -> None:
    with pytest.raises(ModeError, match="is no mode"):
        modes.parse(text)
