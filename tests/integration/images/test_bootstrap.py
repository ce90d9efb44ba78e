import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.bootstrap import bootstrap
from images.store import Store


@pytest.fixture
def mounted(machine_images: Store, tmp_path: Path) -> Iterator[Path]:
    """The root of a container of `python`."""
    for name in ("upper", "work", "root"):
        (tmp_path / name).mkdir()
    lower = ":".join(map(str, reversed(machine_images.resolve("python").layers)))
    options = f"lowerdir={lower},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(tmp_path / "root")], check=True)
    yield tmp_path / "root"
    subprocess.run(["umount", str(tmp_path / "root")], check=True)


def inside(root: Path, *command: str) -> str:
    return subprocess.run(["chroot", str(root), *command], check=True, capture_output=True, text=True).stdout


def test_busybox_has_its_commands(machine_images: Store) -> None:
    layer = machine_images.resolve("busybox").layers[0]
    for command in ("sh", "httpd", "nslookup", "wget", "nc", "ls"):
        assert (layer / "bin" / command).exists()
    assert inside(layer, "/bin/sh", "-c", "echo $((6*7)); id -un").split() == ["42", "root"]


def test_python_runs_with_what_servers_need(mounted: Path) -> None:
    program = "import asyncio, ctypes, http.server, json, lzma, socket, sqlite3, ssl, sys; print(sys.prefix)"
    assert inside(mounted, "/usr/local/bin/python3", "-c", program).strip() == "/usr/local"
    assert inside(mounted, "/bin/sh", "-c", "python3 -V").strip() == f"Python {sys.version.split()[0]}"


def test_python_brings_no_packages_of_the_machine(mounted: Path) -> None:
    library = mounted / f"usr/local/lib/python3.{sys.version_info.minor}"
    assert (library / "os.py").exists()
    for left_out in ("site-packages", "test", "idlelib", "ensurepip"):
        assert not (library / left_out).exists()


def test_the_images_share_their_tools(machine_images: Store) -> None:
    assert machine_images.resolve("python").layers[0] == machine_images.resolve("busybox").layers[0]


def test_nothing_is_made_twice(machine_images: Store) -> None:
    assert bootstrap(machine_images) == []


def test_the_same_machine_makes_the_same_images(machine_images: Store, tmp_path: Path) -> None:
    again = Store(tmp_path / "again")
    bootstrap(again)
    for name in ("busybox", "python", "redis"):
        assert again.resolve(name).digest == machine_images.resolve(name).digest


def test_a_damaged_store_is_made_good(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    bootstrap(store)
    store.resolve("python").layers[1].rename(tmp_path / "stolen")
    assert bootstrap(store) == ["python"]
    assert store.resolve("python").layers[1].is_dir()


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "images.bootstrap", "--root", str(tmp_path / "store")]
    first = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "image busybox " in first and "made" in first
    second = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "up to date" in second and "made" not in second
    (tmp_path / "file").write_text("")
    failed = subprocess.run([*command[:-1], str(tmp_path / "file/x")], capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: ") and failed.stderr.count("\n") == 1
