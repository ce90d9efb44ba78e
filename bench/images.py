"""Images without a cluster: a large layer unpacked, beside tar; a file of ten steps built, cold and from the cache."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.results import Row
from images import saving
from images.bootstrap import bootstrap
from images.layers import unpack_verified
from images.oci import digest_of
from images.store import Store
from images.tree import write_tree
from podling.build.command import carry_out
from podling.build.options import BuildOptions
from podling.build.progress import Progress

UNPACKED_BYTES = 500_000_000
FILES = 2_000
STEPS = 10
RUNS = 2


def measure() -> list[Row]:
    """In a folder of the disk that the machine's own store is on."""
    parent = Path("/var/lib/podling")
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        place = Path(folder)
        return [_unpack(place), *_build(place)]


def _unpack(place: Path) -> Row:
    source, archive = place / "source", place / "layer.tar"
    source.mkdir()
    for number in range(FILES):
        (source / f"file-{number}").write_bytes(os.urandom(UNPACKED_BYTES // FILES))
    with archive.open("wb") as target:
        write_tree(source, target)
    digest = digest_of(archive.read_bytes())

    def ours(target: Path) -> None:
        with archive.open("rb") as content:
            unpack_verified(content, digest, target)

    def theirs(target: Path) -> None:
        subprocess.run(["tar", "-xf", archive, "-C", target], check=True)

    seconds, yardstick = _best(place, ours), _best(place, theirs)
    size = f"{UNPACKED_BYTES // 10**6} MB in {FILES} files"
    return Row(
        f"unpack of {size}, digest checked: best of {RUNS}", f"{seconds:.2f} s", f"tar {yardstick:.2f} s", "stated"
    )


def _best(place: Path, work: Callable[[Path], None]) -> float:
    samples = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=place) as target:
            began = time.monotonic()
            work(Path(target))
            samples.append(time.monotonic() - began)
    return min(samples)


def _build(place: Path) -> list[Row]:
    store, machine = Store(place / "store"), Store()
    bootstrap(machine)
    with (place / "busybox.tar").open("wb") as target:
        saving.save(machine, ["busybox"], target)
    store.load(place / "busybox.tar")
    steps = "".join(f"RUN echo {number} > /{number}\n" for number in range(STEPS))
    began = time.monotonic()
    _carry_out(store, steps)
    cold = time.monotonic() - began
    began = time.monotonic()
    _carry_out(store, steps)
    cached = time.monotonic() - began
    bare = _bare_runs()
    figure = f"build of {STEPS} RUN steps"
    return [
        Row(f"{figure}, cold", f"{cold:.2f} s", f"{STEPS} bare shells {bare:.2f} s", "stated"),
        Row(
            f"{figure}, cached",
            f"{cached * 1e3:.0f} ms",
            f"{cold:.2f} s cold",
            "≤ a tenth of cold",
            cached <= cold / 10,
        ),
    ]


def _carry_out(store: Store, steps: str) -> None:
    options = BuildOptions(None, b"FROM busybox\n" + steps.encode(), "Dockerfile", names=["bench"])
    carry_out(store, options, Progress(quiet=True))


def _bare_runs() -> float:
    began = time.monotonic()
    for number in range(STEPS):
        subprocess.run(["sh", "-c", f"echo {number}"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
