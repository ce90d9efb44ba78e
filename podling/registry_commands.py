"""`podling pull`, `push`, `login`, `logout`: the machine's image store and registries."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from images.pulling import Progress
from images.pulling import pull as pull_image
from images.pushing import push as push_image
from images.reference import DEFAULT_DOMAIN, Reference, parse
from images.registry.client import Registry
from images.registry.keyring import Credential
from images.registry.trust import DEFAULT_CERTS_DIR, Trust
from podling import docker_config
from podling.errors import CommandError
from podling.image_commands import Dir, open_store, store_errors

Authority = Annotated[
    Path | None,
    Parameter(name="--registry-ca", help="A file of certificates: authorities to trust besides the machine's."),
]
Insecure = Annotated[
    bool,
    Parameter(name="--insecure", negative="", help="The registry needs no certificate, and may speak plain HTTP."),
]
Quiet = Annotated[bool, Parameter(name=("--quiet", "-q"), negative="", help="Print the result only.")]


def pull(
    image: str,
    *,
    platform: Annotated[str, Parameter(help="Another platform's image: linux/arm64.")] = "",
    quiet: Quiet = False,
    registry_ca: Authority = None,
    insecure: Insecure = False,
    dir: Dir = None,
) -> None:
    """Fetch an image from its registry: `pull 127.0.0.1:5000/team/app:1`. What is here already is not fetched again."""
    with store_errors():
        reference = parse(image)
        trust = _trust(reference, registry_ca, insecure)
        found = docker_config.credentials(reference.repository)
        architecture = _architecture(platform)
        pulled = pull_image(open_store(dir), image, trust, found, _teller(quiet), architecture)
    if not quiet:
        digest = pulled.image.resolved.get(str(reference), pulled.image.digest)
        print(f"Digest: {digest}")
        print(f"Status: {'Downloaded newer image' if pulled.changed else 'Image is up to date'} for {image}")
    print(reference)


def push(
    image: str, *, quiet: Quiet = False, registry_ca: Authority = None, insecure: Insecure = False, dir: Dir = None
) -> None:
    """Give an image to the registry its name says: `push 127.0.0.1:5000/team/app:1`."""
    with store_errors():
        reference = parse(image)
        trust = _trust(reference, registry_ca, insecure)
        found = docker_config.credentials(reference.repository)
        digest = push_image(open_store(dir), image, trust, found, _teller(quiet))
    print(f"{reference.tag}: digest: {digest}")


def login(
    registry: str = DEFAULT_DOMAIN,
    /,
    *,
    username: Annotated[str, Parameter(name=("--username", "-u"))] = "",
    password: Annotated[str, Parameter(name=("--password", "-p"), help="Better: --password-stdin.")] = "",
    password_stdin: Annotated[bool, Parameter(negative="", help="Read the password from standard input.")] = False,
    registry_ca: Authority = None,
    insecure: Insecure = False,
) -> None:
    """Try credentials at a registry and, when it takes them, keep them in Docker's config.json."""
    import getpass

    if password_stdin:
        password = sys.stdin.read().rstrip("\r\n")
    if not username or not password:
        if not sys.stdin.isatty():
            raise CommandError("say who you are: podling login REGISTRY -u USER --password-stdin < FILE")
        username = username or input("Username: ")
        password = password or getpass.getpass("Password: ")
    credential = Credential(username, password)
    with store_errors():
        reference = parse(f"{registry}/login")
        Registry(reference, _trust(reference, registry_ca, insecure), credential).check()
    docker_config.keep(registry, credential)
    print(f"Login Succeeded: kept in {docker_config.path()}, readable for you only and not encrypted")


def logout(registry: str = DEFAULT_DOMAIN, /) -> None:
    """Forget a registry's credentials."""
    if not docker_config.forget(registry):
        raise CommandError(f"not logged in to {registry}: {docker_config.path()} has nothing for it")
    print(f"Removed the credentials for {registry}")


def _trust(reference: Reference, authority: Path | None, insecure: bool) -> Trust:
    domain = reference.repository.partition("/")[0]
    return Trust(DEFAULT_CERTS_DIR, authority, frozenset([domain] if insecure else []))


def _architecture(platform: str) -> str:
    if not platform:
        return ""
    system, slash, architecture = platform.partition("/")
    if system != "linux" or not slash:
        raise CommandError(f"--platform {platform}: it is linux/ARCHITECTURE, as linux/amd64")
    return architecture.partition("/")[0]


def _teller(quiet: bool) -> Callable[[Progress], None]:
    """A line each time a layer's state changes; for a person who watches, bars."""
    if quiet:
        return lambda progress: None
    lock, states = threading.Lock(), dict[str, str]()

    def tell(progress: Progress) -> None:
        with lock:
            if states.get(progress.digest) != progress.state:
                states[progress.digest] = progress.state
                print(_line(progress), flush=True)

    return tell


def _line(progress: Progress) -> str:
    words = {"exists": "Already exists", "done": "Complete", "downloading": "Downloading", "uploading": "Uploading"}
    state = words.get(progress.state, "Unpacking")
    size = f" {progress.total_bytes / 1e6:.1f}MB" if progress.state in ("downloading", "uploading") else ""
    return f"{progress.digest.removeprefix('sha256:')[:12]}: {state}{size}"
