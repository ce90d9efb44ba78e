"""How a file's failure is told in a pod's events."""

from __future__ import annotations

import errno
import os

import pytest

from kubelet.file_errors import file_error_text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/a/b"), "No such file or directory: /a/b"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (OSError("short write"), "short write"),
    ],
)
def test_the_reason_and_the_file_if_there_is_one(error: OSError, told: str) -> None:
    assert file_error_text(error) == told
