"""`podling image …`: the machine's local OCI image store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from images.errors import ImageError
from images.store import Store
from podling import directory
from podling.errors import CommandError
from podling.launcher import stored_plan
from podling.launcher.plan import DEFAULT_IMAGE_STORE
from podling.tabular import columns

Dir = Annotated[Path | None, Parameter(name="--dir", help="A cluster's directory: use the store it was set up with.")]

image_app = App(name="image", help="The images pods can be run from.")


@image_app.command
def load(file: Path, *, name: str = "", dir: Dir = None) -> None:
    """Take the images of an archive: `docker save`, OCI, plain or compressed.

    Parameters
    ----------
    file
        The archive, or an OCI layout folder.
    name
        A name for the image of an archive that has just one.
    """
    with _store_errors():
        for image in _store(dir).load(file, name):
            print(f"loaded {', '.join(image.names)} ({image.id[:19]})")


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

    with _store_errors():
        image = _store(dir).import_rootfs(
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
def ls(*, dir: Dir = None) -> None:
    """List the images."""
    with _store_errors():
        images = _store(dir).list()
    rows = [
        (name, image.id.removeprefix("sha256:")[:12], f"{image.size_bytes / 1e6:.1f}MB")
        for image in images
        for name in image.names
    ]
    print(columns(("NAME", "ID", "SIZE"), rows))


@image_app.command
def rm(name: str, *, dir: Dir = None) -> None:
    """Remove a name, and the image with its last one. Running containers keep what they have mounted."""
    with _store_errors():
        _store(dir).remove(name)
    print(f"removed {name}")


def _store(given: Path | None) -> Store:
    if given is None:
        return Store(DEFAULT_IMAGE_STORE)
    path = directory.resolve(given)
    cluster = stored_plan.read(path)
    if cluster is None:
        raise CommandError(f"{path} holds no cluster")
    return Store(cluster.image_store)


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except ImageError as error:
        raise CommandError(str(error)) from None
