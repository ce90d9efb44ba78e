import gzip
import json
import lzma
import multiprocessing
import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from images.errors import CorruptImage, ImageError, InvalidReference, NoSuchImage, StoreUnusable, UnsupportedImage
from images.store import Store
from tests.support.images import Member, docker_archive, image_config, oci_archive, oci_files, tar

BASE = tar(Member("etc", kind=tarfile.DIRTYPE, mode=0o755), Member("etc/base", b"base"))
TOP = tar(Member("etc/top", b"top"))


def written(tmp_path: Path, data: bytes, name: str = "image.tar") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_a_docker_archive(store: Store, tmp_path: Path) -> None:
    archive = docker_archive([BASE, TOP], ["web:1", "example.com/web:2"], Cmd=["serve"], User="web", Env=["A=b"])
    assert len(store.load(written(tmp_path, archive))) == 2
    image = store.resolve("web:1")
    assert image.names == ("docker.io/library/web:1", "example.com/web:2")
    assert image == store.resolve("example.com/web:2") == store.resolve(image.id)
    assert (image.config.cmd, image.config.user, image.config.env) == (["serve"], "web", ["A=b"])
    assert [(layer / "etc/base").exists() for layer in image.layers] == [True, False]
    assert (image.layers[1] / "etc/top").read_bytes() == b"top"
    assert [each.names for each in store.list()] == [image.names]
    assert image.repository_digest == f"docker.io/library/web@{image.digest}"
    assert store.resolve(image.repository_digest) == image


@pytest.mark.parametrize("squeeze", [lambda data: data, gzip.compress, lzma.compress])
def test_an_oci_archive_compressed_or_not(store: Store, tmp_path: Path, squeeze: object) -> None:
    assert callable(squeeze)
    store.load(written(tmp_path, squeeze(oci_archive([BASE, TOP], "app:v1"))))
    assert len(store.resolve("app:v1").layers) == 2


def test_zstd(store: Store, tmp_path: Path) -> None:
    archive = written(tmp_path, docker_archive([BASE]))
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    subprocess.run(["zstd", "-q", str(archive), "-o", str(tmp_path / "image.tar.zst")], check=True)
    store.load(tmp_path / "image.tar.zst")
    assert (store.resolve("test").layers[0] / "etc/base").exists()


def test_an_oci_layout_folder_keeps_its_manifests_digest(store: Store, tmp_path: Path) -> None:
    files = oci_files([BASE], "app:v1")
    for path, data in files.items():
        (tmp_path / "layout" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "layout" / path).write_bytes(data)
    store.load(tmp_path / "layout")
    assert store.resolve("app:v1").digest == json.loads(files["index.json"])["manifests"][0]["digest"]


def test_a_list_of_platforms_gives_this_machines(store: Store, tmp_path: Path) -> None:
    files = oci_files([BASE], "app:v1")
    index = json.loads(files["index.json"])
    index["manifests"][0]["platform"] = {"os": "linux", "architecture": "mips"}
    files["index.json"] = json.dumps(index).encode()
    archive = tar(*(Member(path, data) for path, data in files.items()))
    with pytest.raises(UnsupportedImage, match="has no image for linux/"):
        store.load(written(tmp_path, archive))


def test_another_machines_image_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImage, match="is for linux/mips, this machine is linux/"):
        store.load(written(tmp_path, docker_archive([BASE], architecture="mips")))


def test_an_image_without_a_name_needs_one(store: Store, tmp_path: Path) -> None:
    archive = written(tmp_path, docker_archive([BASE], []))
    with pytest.raises(ImageError, match="has no name: say which with --name"):
        store.load(archive)
    store.load(archive, name="mine")
    assert store.resolve("mine").names == ("docker.io/library/mine:latest",)
    with pytest.raises(ImageError, match="has no name"):
        store.load(written(tmp_path, oci_archive([BASE], "latest"), "oci.tar"))


def test_what_is_not_known_is_said(store: Store) -> None:
    assert list(store.list()) == []
    with pytest.raises(NoSuchImage, match="image 'nope' is not in the image store"):
        store.resolve("nope")
    with pytest.raises(InvalidReference):
        store.resolve("No Pe")
    with pytest.raises(NoSuchImage):
        store.remove("nope")


def changed(files: dict[str, bytes], prefix: str, change: bytes) -> bytes:
    """The archive with the largest blob below `prefix` damaged."""
    name = max((name for name in files if name.startswith(prefix)), key=lambda name: len(files[name]))
    return tar(*(Member(path, change if path == name else data) for path, data in files.items()))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "is not a whole image archive|lacks the file"),
        (lambda whole: gzip.compress(whole)[:-200], "is not a whole image archive"),
        (lambda whole: b"", "is not a whole image archive"),
        (lambda whole: b"garbage" * 1000, "is not a whole image archive"),
        (lambda whole: BASE, "is not an image archive: .*import it instead"),
        (lambda whole: tar(Member("manifest.json", b"{")), "is not a valid image document"),
        (lambda whole: tar(Member("manifest.json", b"[]")), "holds no image"),
        (lambda whole: tar(Member("index.json", b'{"manifests": []}')), "holds no image"),
        (lambda whole: changed(oci_files([BASE]), "blobs", b"other"), "digest"),
    ],
)
def test_damaged_archives_are_refused_and_change_nothing(
    store: Store, tmp_path: Path, damage: object, message: str
) -> None:
    assert callable(damage)
    store.load(written(tmp_path, docker_archive([BASE], ["kept"])))
    with pytest.raises(CorruptImage, match=message):
        store.load(written(tmp_path, damage(docker_archive([BASE, TOP])), "damaged"))
    assert [image.names for image in store.list()] == [("docker.io/library/kept:latest",)]


def test_a_layer_that_is_not_what_the_config_says_is_refused(store: Store, tmp_path: Path) -> None:
    entry = [{"Config": "c.json", "RepoTags": ["x"], "Layers": ["layer.tar"]}]
    archive = tar(
        Member("c.json", image_config([TOP])),
        Member("layer.tar", BASE),
        Member("manifest.json", json.dumps(entry).encode()),
    )
    with pytest.raises(CorruptImage, match=r"layer layer\.tar: layer sha256:\w+ has the content of sha256:"):
        store.load(written(tmp_path, archive))
    entry[0]["Layers"] = []
    archive = tar(Member("c.json", image_config([TOP])), Member("manifest.json", json.dumps(entry).encode()))
    with pytest.raises(CorruptImage, match="disagree about its layers"):
        store.load(written(tmp_path, archive))


def test_a_digest_cannot_name_a_file_elsewhere(store: Store, tmp_path: Path) -> None:
    config = {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": ["sha256:../../../x"]}}
    entry = [{"Config": "c.json", "RepoTags": ["x"], "Layers": ["layer.tar"]}]
    archive = tar(
        Member("c.json", json.dumps(config).encode()),
        Member("layer.tar", BASE),
        Member("manifest.json", json.dumps(entry).encode()),
    )
    with pytest.raises(CorruptImage):
        store.load(written(tmp_path, archive))


def test_a_missing_file_is_said_to_be_missing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read .*nowhere\.tar: No such file"):
        store.load(tmp_path / "nowhere.tar")
    with pytest.raises(ImageError, match="no such file or folder"):
        store.import_rootfs(tmp_path / "nowhere", "x")


def test_importing_a_folder(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin/app").write_text("#!/bin/sh\n")
    (root / "bin/app").chmod(0o4711)
    os.link(root / "bin/app", root / "bin/same")
    (root / "link").symlink_to("/bin/app")
    os.setxattr(root / "bin/app", "user.note", b"\xff\x00")
    image = store.import_rootfs(
        root, "mine:1", cmd=["app"], entrypoint=["e"], env=["A=b"], workdir="/bin", user="5", labels={"l": "1"}
    )
    layer = image.layers[0]
    assert stat.S_IMODE((layer / "bin/app").stat().st_mode) == 0o4711
    assert (layer / "bin/same").samefile(layer / "bin/app")
    assert str((layer / "link").readlink()) == "/bin/app"
    assert os.getxattr(layer / "bin/app", "user.note") == b"\xff\x00"
    config = image.config
    assert (config.cmd, config.entrypoint, config.env) == (["app"], ["e"], ["A=b"])
    assert (config.working_dir, config.user, config.labels) == ("/bin", "5", {"l": "1"})
    assert store.import_rootfs(root, "again").layers == image.layers


def test_importing_a_tar(store: Store, tmp_path: Path) -> None:
    image = store.import_rootfs(written(tmp_path, gzip.compress(BASE), "root.tar.gz"), "mine")
    assert (image.layers[0] / "etc/base").read_bytes() == b"base"
    with pytest.raises(CorruptImage):
        store.import_rootfs(written(tmp_path, b"not a tar"), "bad")
    with pytest.raises(CorruptImage, match="is not whole"):
        store.import_rootfs(written(tmp_path, gzip.compress(BASE)[:-9], "cut.gz"), "bad")


def test_removing_a_name_keeps_what_others_need(store: Store, tmp_path: Path) -> None:
    store.load(written(tmp_path, docker_archive([BASE, TOP], ["one", "two"])))
    store.load(written(tmp_path, docker_archive([BASE], ["other"])))
    base, top = store.resolve("one").layers
    store.remove("one")
    assert store.resolve("two").layers == (base, top)
    store.remove("two")
    assert base.is_dir() and not top.exists()
    store.remove(store.resolve("other").id)
    assert list(store.list()) == []
    assert not list((store.root / "layers").iterdir())
    assert not list((store.root / "blobs/sha256").iterdir())


def test_a_name_given_anew_leaves_its_former_image(store: Store, tmp_path: Path) -> None:
    store.load(written(tmp_path, docker_archive([BASE], ["app"])))
    former = store.resolve("app")
    store.load(written(tmp_path, docker_archive([TOP], ["app"])))
    assert store.resolve("app").id != former.id
    assert not former.layers[0].exists()
    with pytest.raises(NoSuchImage):
        store.resolve(former.id)


def test_layers_of_a_mounted_container_stay(store: Store, tmp_path: Path) -> None:
    store.load(written(tmp_path, docker_archive([BASE, TOP], ["app"])))
    image = store.resolve("app")
    for name in ("upper", "work", "merged"):
        (tmp_path / name).mkdir()
    lower = ":".join(map(str, reversed(image.layers)))
    options = f"lowerdir={lower},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(tmp_path / "merged")], check=True)
    try:
        store.remove("app")
        assert (tmp_path / "merged/etc/base").read_bytes() == b"base"
        assert all(layer.is_dir() for layer in image.layers)
    finally:
        subprocess.run(["umount", str(tmp_path / "merged")], check=True)
    store.load(written(tmp_path, docker_archive([BASE], ["next"])))
    assert not image.layers[1].exists()


def test_the_store_is_its_owners_alone(store: Store, tmp_path: Path) -> None:
    store.root.mkdir(mode=0o755)
    store.load(written(tmp_path, docker_archive([BASE])))
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path / "full")], check=True)
    try:
        big = docker_archive([tar(Member("big", os.urandom(200_000)))])
        with pytest.raises(StoreUnusable, match=r"cannot write to the image store .*: No space left on device"):
            Store(tmp_path / "full").load(written(tmp_path, big))
    finally:
        subprocess.run(["umount", str(tmp_path / "full")], check=True)


def test_what_a_killed_writer_left_is_removed(store: Store, tmp_path: Path) -> None:
    store.load(written(tmp_path, docker_archive([BASE])))
    (store.root / "scratch/half/done").mkdir(parents=True)
    (store.root / "layers/abandoned").mkdir()
    store.load(written(tmp_path, docker_archive([BASE])))
    assert not (store.root / "scratch/half").exists()
    assert not (store.root / "layers/abandoned").exists()


def _load(root: Path, archive: Path) -> None:
    Store(root).load(archive)


def test_many_processes_at_once(store: Store, tmp_path: Path) -> None:
    archives = [
        written(
            tmp_path, docker_archive([BASE, tar(Member("own", bytes([number])))], [f"app:{number}"]), f"{number}.tar"
        )
        for number in range(4)
    ]
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_load, args=(store.root, archives[n % 4])) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(store.list()) == 4
    for number in range(4):
        base, own = store.resolve(f"app:{number}").layers
        assert (base / "etc/base").exists() and (own / "own").read_bytes() == bytes([number])


def test_a_name_that_went_while_its_image_was_pushed_stays_gone(store: Store) -> None:
    store.mark_pushed("docker.io/library/web:1", "sha256:" + 64 * "0")
    assert list(store.list()) == []
