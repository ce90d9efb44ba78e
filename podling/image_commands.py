"""`podling image …` and Docker's names for the same: the machine's local OCI image store."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from images import saving
from images.errors import ImageError
from images.store import Store
from podling import directory
from podling.errors import CommandError
from podling.launcher import stored_plan
from podling.launcher.plan import DEFAULT_IMAGE_STORE
from podling.tabular import columns

Dir = Annotated[Path | None, Parameter(name="--dir", help="A cluster's directory: use the store it was set up with.")]

Input = Annotated[Path | None, Parameter(name=("--input", "-i"), help="The archive, as Docker has it.")]

image_app = App(name="image", help="The images pods can be run from.")


@image_app.command
def load(
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    input: Input = None,
    name: str = "",
    dir: Dir = None,
) -> None:
    """Take the images of an archive: `docker save`, OCI, plain or compressed.

    Parameters
    ----------
    file
        The archive, or an OCI layout folder (default, and `-`: an archive from standard input).
    name
        A name for the image of an archive that has just one.
    """
    with store_errors(), _archive(file or input) as archive:
        for image in open_store(dir).load(archive, name):
            print(f"loaded {', '.join(image.names)} ({image.id[:19]})")


@contextmanager
def _archive(named: Path | None) -> Iterator[Path]:
    if named is not None and named != Path("-"):
        yield named
        return
    if sys.stdin.isatty():
        raise CommandError("say which archive: podling load FILE, or podling load < FILE")
    with tempfile.TemporaryDirectory() as folder:
        # Archives are read in their own order, not in that of a pipe.
        path = Path(folder, "standard-input")
        try:
            with path.open("wb") as target:
                shutil.copyfileobj(sys.stdin.buffer, target)
        except OSError as error:
            raise CommandError(f"cannot keep what comes from standard input: {error.strerror}") from None
        yield path


@image_app.command(name="import")
def import_(
    source: Path,
    *,
    name: str,
    cmd: str = "",
    entrypoint: str = "",
    workdir: str = "",
    user: str = "",
    env: list[str] | None = None,
    dir: Dir = None,
) -> None:
    """Make an image from a root file system: a folder, or a tar of one.

    Parameters
    ----------
    source
        The folder or tar.
    name
        The image's name, as Docker reads names: `busybox`, `example.com/team/app:1`.
    cmd
        Default command, split as a shell would.
    entrypoint
        Entry point, split as a shell would.
    workdir
        Working directory.
    user
        User to run as.
    env
        NAME=VALUE; may be given several times.
    """
    import shlex

    with store_errors():
        image = open_store(dir).import_rootfs(
            source,
            name,
            cmd=shlex.split(cmd),
            entrypoint=shlex.split(entrypoint),
            env=env or [],
            workdir=workdir,
            user=user,
        )
    print(f"imported {', '.join(image.names)} ({image.id[:19]})")


@image_app.command
def ls(
    *,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative="", help="Ids only.")] = False,
    digests: Annotated[bool, Parameter(negative="", help="Also each image's digest.")] = False,
    dir: Dir = None,
) -> None:
    """List the images."""
    with store_errors():
        images = open_store(dir).list()
    if quiet:
        print("\n".join(_short(image.id) for image in images))
        return
    rows = []
    for image in images:
        for name in image.names:
            digest = [image.resolved.get(name, image.digest)] if digests else []
            rows.append((name, *digest, _short(image.id), f"{image.size_bytes / 1e6:.1f}MB"))
    print(columns(("NAME", *(["DIGEST"] if digests else []), "ID", "SIZE"), rows))


@image_app.command
def rm(*names: str, dir: Dir = None) -> None:
    """Remove names, and images with their last ones. Running containers keep what they have mounted."""
    if not names:
        raise CommandError("say which: podling rmi NAME ...")
    for name in names:
        with store_errors():
            open_store(dir).remove(name)
        print(f"removed {name}")


@image_app.command
def prune(*, dir: Dir = None) -> None:
    """Remove what only later builds could use: layers of their steps, folders of RUN --mount=type=cache."""
    with store_errors():
        freed = open_store(dir).forget_builds()
    print(f"freed {freed / 1e6:.1f}MB")


@image_app.command
def tag(source: str, target: str, *, dir: Dir = None) -> None:
    """Give an image one more name: `tag app 127.0.0.1:5000/team/app:1`."""
    with store_errors():
        open_store(dir).tag(source, target)


@image_app.command
def save(
    *names: str,
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="The file (default: standard output).")
    ] = None,
    dir: Dir = None,
) -> None:
    """Write images into an archive that `podling load` and `docker load` read."""
    if not names:
        raise CommandError("say which: podling save NAME ... -o FILE")
    if output is None and sys.stdout.isatty():
        raise CommandError("an archive is nothing for a terminal: name a file with -o, or redirect")
    with store_errors():
        store = open_store(dir)
        for name in names:
            store.resolve(name)
        if output is None:
            saving.save(store, names, sys.stdout.buffer)
            return
        partial = output.with_name(output.name + ".partial")
        try:
            with partial.open("wb") as target:
                saving.save(store, names, target)
            partial.rename(output)
        except OSError as error:
            raise CommandError(f"cannot write {output}: {error.strerror}") from None
        finally:
            partial.unlink(missing_ok=True)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def open_store(given: Path | None) -> Store:
    """The store of the cluster in a folder, else the machine's."""
    if given is None:
        return Store(DEFAULT_IMAGE_STORE)
    path = directory.resolve(given)
    cluster = stored_plan.read(path)
    if cluster is None:
        raise CommandError(f"{path} holds no cluster")
    return Store(cluster.image_store)


@contextmanager
def store_errors() -> Iterator[None]:
    """What is wrong with images, as a command says it."""
    try:
        yield
    except ImageError as error:
        raise CommandError(str(error)) from None
