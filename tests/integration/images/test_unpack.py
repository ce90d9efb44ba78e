"""What a layer becomes on disk, and what it can never do."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from images.errors import CorruptImage
from images.unpack import unpack_layer
from tests.support.images import Member, tar


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "outer" / "layer"
    directory.mkdir(parents=True)
    return directory


def unpack(target: Path, *members: Member) -> None:
    unpack_layer(io.BytesIO(tar(*members)), target)


def test_every_kind_of_entry(target: Path) -> None:
    unpack(
        target,
        Member("dir", kind=tarfile.DIRTYPE, mode=0o1777, uid=5),
        Member("dir/file", b"hello", mode=0o4755, uid=7),
        Member("hard", "dir/file", tarfile.LNKTYPE),
        Member("soft", "/dir/file", tarfile.SYMTYPE),
        Member("fifo", kind=tarfile.FIFOTYPE, mode=0o600),
        Member("null", kind=tarfile.CHRTYPE, device=(1, 3), mode=0o666),
    )
    status = (target / "dir").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_mtime) == (0o1777, 5, 1_000)
    status = (target / "dir/file").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_nlink, status.st_mtime) == (0o4755, 7, 2, 1_000)
    assert (target / "hard").samefile(target / "dir/file")
    assert str((target / "soft").readlink()) == "/dir/file"
    assert stat.S_ISFIFO((target / "fifo").stat().st_mode)
    assert (target / "null").stat().st_rdev == os.makedev(1, 3)


def test_extended_attributes(target: Path) -> None:
    capability = b"\x01\x00\x00\x02\x00\x04\x00\x00" + b"\x00" * 12
    header = ("SCHILY.xattr.security.capability", capability.decode("utf-8", "surrogateescape"))
    hostile = ("SCHILY.xattr.trusted.overlay.redirect", "/etc")
    unpack(target, Member("ping", b"x", pax=(header, hostile)))
    assert os.getxattr(target / "ping", "security.capability") == capability
    assert os.listxattr(target / "ping") == ["security.capability"]


def test_whiteouts_take_overlays_form(target: Path) -> None:
    unpack(
        target,
        Member("a/.wh.gone"),
        Member("b", kind=tarfile.DIRTYPE, mode=0o755),
        Member("b/.wh..wh..opq"),
        Member("b/kept", b"x"),
        Member(".wh..wh.plnk", kind=tarfile.DIRTYPE),
    )
    status = (target / "a/gone").lstat()
    assert stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
    assert os.getxattr(target / "b", "trusted.overlay.opaque") == b"y"
    assert sorted(each.name for each in target.iterdir()) == ["a", "b"]


def test_a_later_entry_replaces_an_earlier_one(target: Path) -> None:
    unpack(
        target,
        Member("x", b"old"),
        Member("x", b"new"),
        Member("d/inner", b"1"),
        Member("d", b"now a file"),
    )
    assert (target / "x").read_bytes() == b"new"
    assert (target / "d").read_bytes() == b"now a file"


@pytest.mark.parametrize("name", ["../escape", "/../../escape", "a/../../../escape", "./.././escape"])
def test_names_cannot_leave_the_layer(target: Path, name: str) -> None:
    unpack(target, Member(name, b"x"))
    assert (target / "escape").read_bytes() == b"x"
    assert [each.name for each in target.parent.iterdir()] == ["layer"]


@pytest.mark.parametrize("link", ["/outside", "../../outside", "../../../../../../../../outside"])
def test_links_cannot_lead_out_of_the_layer(target: Path, link: str) -> None:
    """A folder reached through a link is the layer's own, as it would be for the container."""
    outside = target.parent.parent / "outside"
    outside.mkdir()
    unpack(
        target,
        Member("outside", kind=tarfile.DIRTYPE, mode=0o755),
        Member("sub", link, tarfile.SYMTYPE),
        Member("sub/file", b"x"),
    )
    assert not list(outside.iterdir())
    assert (target / "outside/file").read_bytes() == b"x"


def test_a_file_is_never_written_through_a_link(target: Path) -> None:
    victim = target.parent / "victim"
    victim.write_text("safe")
    unpack(target, Member("link", str(victim), tarfile.SYMTYPE), Member("link", b"evil"))
    assert victim.read_text() == "safe"
    assert (target / "link").read_bytes() == b"evil" and not (target / "link").is_symlink()


def test_a_hard_link_cannot_reach_out_of_the_layer(target: Path) -> None:
    (target.parent / "secret").write_text("secret")
    with pytest.raises(CorruptImage, match=r"hard link to .* not in the same layer"):
        unpack(target, Member("stolen", "../secret", tarfile.LNKTYPE))


def test_a_link_to_nowhere_is_no_folder(target: Path) -> None:
    with pytest.raises(CorruptImage, match="leads nowhere"):
        unpack(target, Member("d", "missing", tarfile.SYMTYPE), Member("d/file", b"x"))


def test_a_file_is_no_folder(target: Path) -> None:
    with pytest.raises(CorruptImage, match="used as a folder"):
        unpack(target, Member("f", b"x"), Member("f/inner", b"x"))


@pytest.mark.parametrize("data", [b"", b"not a tar", b"\0" * 100, b"x" * 4096])
def test_what_is_no_tar_is_refused(target: Path, data: bytes) -> None:
    with pytest.raises(CorruptImage):
        unpack_layer(io.BytesIO(data), target)


def test_a_truncated_tar_is_refused(target: Path) -> None:
    whole = tar(Member("a", b"x" * 10_000))
    with pytest.raises(CorruptImage):
        unpack_layer(io.BytesIO(whole[:5_000]), target)
