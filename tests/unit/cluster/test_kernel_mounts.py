"""Mount options: which are the kernel's flags, which the file system's own."""

from __future__ import annotations

import pytest

from cluster import kernel_mounts
from cluster.kernel_mounts import MS_RDONLY

_NOATIME = 0x400


@pytest.mark.parametrize(
    ("options", "flags", "rest"),
    [
        ("", 0, ""),
        ("defaults", 0, ""),
        ("noatime,discard,ro", MS_RDONLY | _NOATIME, "discard"),
        ("ro,rw", 0, ""),
        ("data=ordered,,noload", 0, "data=ordered,noload"),
        (r"lowerdir=/a\,b:/ro,volatile", 0, r"lowerdir=/a\,b:/ro,volatile"),
    ],
)
def test_general_options_are_flags(options: str, flags: int, rest: str) -> None:
    assert kernel_mounts.split_options(options) == (flags, rest)
