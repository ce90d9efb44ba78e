"""`podling build`: what was typed, made into options; the result, shown."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cluster import kernel_mounts
from images import incoming
from images.image import Image
from images.reference import parse as parse_name
from images.registry.trust import DEFAULT_CERTS_DIR, Trust
from images.store import Store
from podling.build import execution, mounts
from podling.build.builder import Build
from podling.build.cache import KEPT_SECONDS
from podling.build.options import DEFAULT_EPOCH, BuildOptions
from podling.build.progress import Progress
from podling.errors import CommandError
from podling.image_commands import Dir, open_store, store_errors


def build(
    context: Annotated[
        str, Parameter(help="The folder of the build context; - reads a Dockerfile and has none.")
    ] = ".",
    /,
    *,
    tag: Annotated[
        list[str] | None, Parameter(name=("--tag", "-t"), negative="", help="The image's name; repeatable.")
    ] = None,
    file: Annotated[
        str,
        Parameter(
            name=("--file", "-f"), allow_leading_hyphen=True, help="The Dockerfile (default: CONTEXT/Dockerfile)."
        ),
    ] = "",
    build_arg: Annotated[
        list[str] | None, Parameter(negative="", help="NAME=VALUE, or NAME of a variable here.")
    ] = None,
    label: Annotated[list[str] | None, Parameter(negative="", help="KEY=VALUE for the image.")] = None,
    target: Annotated[str, Parameter(help="The stage to build (default: the last).")] = "",
    no_cache: Annotated[bool, Parameter(negative="", help="Carry out every step anew.")] = False,
    pull: Annotated[bool, Parameter(negative="", help="Ask registries for newer base images.")] = False,
    platform: Annotated[str, Parameter(help="linux/ARCHITECTURE; only this machine's.")] = "",
    network: Annotated[str, Parameter(help="For RUN: none (loopback only) or host.")] = "none",
    secret: Annotated[
        list[str] | None, Parameter(negative="", help="id=NAME,src=FILE, for RUN --mount=type=secret.")
    ] = None,
    progress: Annotated[str, Parameter(help="plain, auto (the same) or quiet.")] = "auto",
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative="", help="Print the image's id only.")] = False,
    registry_ca: Annotated[Path | None, Parameter(help="A file of authorities to trust besides the machine's.")] = None,
    dir: Dir = None,
) -> None:
    """Make an image as a Dockerfile says: `build -t app .`, `build -t app -f Dockerfile.dev FOLDER`."""
    if progress not in ("plain", "auto", "quiet"):
        raise CommandError(f"--progress {progress}: there are plain, auto and quiet")
    if os.geteuid() != 0:
        raise CommandError("building needs root: it mounts file systems and runs containers")
    folder = None if context == "-" else Path(context)
    if folder is not None and not folder.is_dir():
        raise CommandError(f"the build context {context} is no folder")
    name, data, ignored = _read(folder, file)
    with store_errors():
        for wanted in tag or ():
            parse_name(wanted)
    options = BuildOptions(
        context=folder,
        dockerfile=data,
        dockerfile_name=name,
        ignore_text=ignored,
        names=tag or [],
        arguments=_pairs(build_arg, "--build-arg"),
        labels=_pairs(label, "--label"),
        target=target,
        use_cache=not no_cache,
        pull=pull,
        platform=platform,
        network={"default": "none"}.get(network, network),
        secrets=[mounts.parse_secret(text) for text in secret or ()],
        trust=Trust(DEFAULT_CERTS_DIR, registry_ca),
        epoch=_epoch(),
    )
    silent = quiet or progress == "quiet"
    with store_errors():
        image = carry_out(open_store(dir), options, Progress(quiet=silent))
    if silent:
        print(image.id)
        return
    print(f"built {image.id}")
    for full in tag or image.names[:1]:
        print(f"named {full}")


def carry_out(store: Store, options: BuildOptions, progress: Progress) -> Image:
    """Build in a store. Raises CommandError, ImageError."""
    _end_left(store)
    store.build_cache.expire(time.time() - KEPT_SECONDS)
    with store.receiving() as received:
        return Build(store, received, options, progress).run()


def _end_left(store: Store) -> None:
    """A build that was killed leaves its command running and its mounts; its folder goes once they have gone."""
    parent = store.root / "incoming"
    for folder in list(parent.iterdir()) if parent.is_dir() else []:
        if incoming.is_left(folder):
            execution.end_left(folder)
            kernel_mounts.unmount_under(folder)


def _read(folder: Path | None, file: str) -> tuple[str, bytes, str]:
    """The Dockerfile's name and content, and what its .dockerignore says."""
    if file == "-" or (folder is None and not file):
        return "Dockerfile", sys.stdin.buffer.read(), _ignore_text(folder, None)
    path = Path(file) if file else Path(folder or "", "Dockerfile")
    if file and not path.exists() and folder is not None and (folder / file).exists():
        path = folder / file
    try:
        return str(path), path.read_bytes(), _ignore_text(folder, path)
    except OSError as error:
        hint = "" if file else "; name another with -f"
        raise CommandError(f"cannot read the Dockerfile {path}: {error.strerror}{hint}") from None


def _ignore_text(folder: Path | None, dockerfile: Path | None) -> str:
    """A .dockerignore of the Dockerfile's own goes before the context's."""
    own = [dockerfile.with_name(dockerfile.name + ".dockerignore")] if dockerfile is not None else []
    shared = [folder / ".dockerignore"] if folder is not None else []
    for path in (*own, *shared):
        try:
            return path.read_text()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {path}: {error}") from None
    return ""


def _pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not name:
            raise CommandError(f"{flag} {text}: it is NAME=VALUE")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def _epoch() -> int:
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if text and not text.isdecimal():
        raise CommandError(f"SOURCE_DATE_EPOCH is {text!r}: it is seconds since 1970")
    return int(text) if text else DEFAULT_EPOCH
