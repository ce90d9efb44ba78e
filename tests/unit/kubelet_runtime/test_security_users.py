"""An image's own passwd file must not turn a number that was asked for into root."""

from pathlib import Path

import pytest

from kubelet.runtime.base import SecurityContext
from kubelet.runtime.oci.users import Identity, identity


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    lines = ["1000:x:0:0::/:", f"endless:x:{'9' * 5_000}:0::/:", "app:x:7:8::/:"]
    (tmp_path / "etc/passwd").write_text("\n".join(lines) + "\n")
    (tmp_path / "etc/group").write_text(f"g:x:{'9' * 5_000}:app\n")
    return tmp_path


@pytest.mark.parametrize(("image_user", "security"), [("", SecurityContext(uid=1000)), ("1000", SecurityContext())])
def test_a_number_is_never_the_name_of_somebody_else(rootfs: Path, image_user: str, security: SecurityContext) -> None:
    """`runAsNonRoot` was judged by the number."""
    assert identity(rootfs, image_user, security) == Identity(1000, 0)


def test_lines_with_impossible_numbers_are_passed_over(rootfs: Path) -> None:
    assert identity(rootfs, "app", SecurityContext()) == Identity(7, 8)
