from pathlib import Path

import pytest

from kubelet.runtime.base import InvalidConfig, SecurityContext
from kubelet.runtime.oci.users import Identity, identity


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:/bin/sh\nbroken line\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nweb:x:34:\nextra:x:50:web,other\n")
    return tmp_path


@pytest.mark.parametrize(
    ("user", "security", "expected"),
    [
        ("", SecurityContext(), Identity(0, 0)),
        ("web", SecurityContext(), Identity(33, 34, (50,))),
        ("33", SecurityContext(), Identity(33, 34, (50,))),
        ("web:extra", SecurityContext(), Identity(33, 50, (50,))),
        ("web:77", SecurityContext(), Identity(33, 77, (50,))),
        ("1234", SecurityContext(), Identity(1234, 0)),
        ("1234:5", SecurityContext(), Identity(1234, 5)),
        ("web", SecurityContext(uid=1000), Identity(1000, 0)),
        ("web", SecurityContext(uid=33), Identity(33, 34, (50,))),
        ("web", SecurityContext(uid=1000, gid=7, supplemental_groups=[9, 8]), Identity(1000, 7, (8, 9))),
    ],
)
def test_users_and_groups(rootfs: Path, user: str, security: SecurityContext, expected: Identity) -> None:
    assert identity(rootfs, user, security) == expected


def test_unknown_names_are_refused(rootfs: Path) -> None:
    with pytest.raises(InvalidConfig, match="unable to find user nobody"):
        identity(rootfs, "nobody", SecurityContext())
    with pytest.raises(InvalidConfig, match="unable to find group staff"):
        identity(rootfs, "web:staff", SecurityContext())


def test_an_image_without_files_has_numbers_only(tmp_path: Path) -> None:
    assert identity(tmp_path, "5:6", SecurityContext()) == Identity(5, 6)
    assert identity(tmp_path, "", SecurityContext()) == Identity(0, 0)


def test_links_in_the_image_do_not_lead_to_the_hosts_users(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to("/etc/passwd")
    with pytest.raises(InvalidConfig):
        identity(tmp_path, "root", SecurityContext())
    (tmp_path / "etc/passwd").unlink()
    (tmp_path / "etc/passwd").symlink_to("/real")
    (tmp_path / "real").write_text("app:x:9:9::/:\n")
    assert identity(tmp_path, "app", SecurityContext()) == Identity(9, 9)
