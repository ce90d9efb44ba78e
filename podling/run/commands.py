"""`podling run`, `ps`, `stop`, `start`, `rm`, `inspect`: containers on the cluster, one Pod each."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import Parameter

from podling.cli.detaching import Detached
from podling.cli.options import DEFAULT_NAMESPACE, AllNamespaces, Dir, Namespace
from podling.cli.output import note
from podling.errors import CommandError
from podling.run import container as containers
from podling.run import following, names
from podling.run.container import Wish
from podling.run.machine import open_machine
from podling.tabular import columns

Many = list[str] | None


def run(
    image: str,
    /,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    detach: Annotated[
        bool, Parameter(name=("--detach", "-d"), negative="", help="Leave it running; print its name.")
    ] = False,
    name: Annotated[str, Parameter(help="Its name, and its Pod's (default: one made up).")] = "",
    env: Annotated[
        Many, Parameter(name=("--env", "-e"), negative="", help="NAME=VALUE, or NAME of a variable here.")
    ] = None,
    env_file: Annotated[Path | None, Parameter(help="A file of NAME=VALUE lines.")] = None,
    publish: Annotated[
        Many, Parameter(name=("--publish", "-p"), negative="", help="HOST-PORT:CONTAINER-PORT[/udp].")
    ] = None,
    volume: Annotated[
        Many,
        Parameter(
            name=("--volume", "-v"), negative="", help="SOURCE:TARGET[:ro]: a path of this machine, or a volume's name."
        ),
    ] = None,
    network: Annotated[str, Parameter(help="pod (its own), host (its node's) or none.")] = "pod",
    memory: Annotated[str, Parameter(name=("--memory", "-m"), help="Limit: 512m, 2g.")] = "",
    cpus: Annotated[str, Parameter(help="Limit: 0.5, 2.")] = "",
    rm: Annotated[bool, Parameter(negative="", help="Remove it once it has ended.")] = False,
    interactive: Annotated[
        bool, Parameter(name=("--interactive", "-i"), negative="", help="Pass standard input on.")
    ] = False,
    tty: Annotated[bool, Parameter(name=("--tty", "-t"), negative="", help="Give it a terminal.")] = False,
    entrypoint: Annotated[str | None, Parameter(help="A program instead of the image's ENTRYPOINT.")] = None,
    workdir: Annotated[str, Parameter(name=("--workdir", "-w"), help="Working folder.")] = "",
    user: Annotated[str, Parameter(name=("--user", "-u"), help="UID[:GID].")] = "",
    hostname: Annotated[str, Parameter(help="Its host name (default: its name).")] = "",
    restart: Annotated[str, Parameter(help="no, always or on-failure.")] = "no",
    pull: Annotated[str, Parameter(help="missing, always or never.")] = "missing",
    node: Annotated[str, Parameter(help="The node to run on (default: any; with -v the first).")] = "",
    privileged: Annotated[bool, Parameter(negative="", help="All capabilities and devices.")] = False,
    read_only: Annotated[bool, Parameter(negative="", help="Its root file system cannot be written.")] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Run a container of an image: `run -d --name web -p 8080:80 -v /srv/data:/data app`, `run --rm -it busybox sh`."""
    wish = Wish(
        name=name or names.made_up(),
        image=image,
        command=command,
        entrypoint=entrypoint,
        environment=[*_env_file(env_file), *given(env or [])],
        ports=publish or (),
        volumes=volume or (),
        network=network,
        memory=memory,
        cpus=cpus,
        remove=rm,
        stdin=interactive,
        tty=tty,
        workdir=workdir,
        user=user,
        hostname=hostname,
        restart=restart,
        pull=pull,
        node=node,
        privileged=privileged,
        read_only=read_only,
    )
    if tty and not detach and not sys.stdin.isatty():
        raise CommandError("-t needs a terminal on standard input: leave it out")
    with open_machine(dir, namespace) as machine:
        tree = machine.create(wish)
        if detach:
            machine.await_start(wish.name)
            print(wish.name)
            return
        try:
            code = following.to_the_end(machine, tree, interactive=interactive, tty=tty)
        except Detached:
            note(f"left running: kubectl attach -it -n {namespace} {wish.name} comes back to it")
            return
        if rm:
            machine.remove(wish.name, force=True)
    sys.exit(code)


def ps(
    *,
    all: Annotated[
        bool, Parameter(name=("--all", "-a"), negative="", help="Also those that have ended or were stopped.")
    ] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative="", help="Names only.")] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    all_namespaces: AllNamespaces = False,
    dir: Dir = None,
) -> None:
    """List the containers that `podling run` started."""
    with open_machine(dir, "" if all_namespaces else namespace) as machine:
        machine.publish()
        found = machine.list(ended=all)
    now = time.time()
    rows = [containers.row(tree, now) for tree in found]
    if quiet:
        print("".join(f"{row[0]}\n" for row in rows), end="")
        return
    print(columns(("NAME", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NODE"), rows))


def stop(
    *names: str,
    time: Annotated[int, Parameter(name=("--time", "-t"), help="Seconds between its stop signal and SIGKILL.")] = 10,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Stop containers; `start` brings them back with what they had written."""
    _need(names, "stop")
    with open_machine(dir, namespace) as machine:
        for name in names:
            machine.stop(name, time)
            print(name)


def start(*names: str, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None) -> None:
    """Start stopped containers again, under their names, with what they had written."""
    _need(names, "start")
    with open_machine(dir, namespace) as machine:
        for name in names:
            machine.start(name)
            print(name)


def rm(
    *names: str,
    force: Annotated[bool, Parameter(name=("--force", "-f"), negative="", help="Also running ones.")] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Remove containers, with what they had written. Volumes stay."""
    _need(names, "rm")
    with open_machine(dir, namespace) as machine:
        for name in names:
            machine.remove(name, force=force)
            print(name)


def inspect(*names: str, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None) -> None:
    """Show containers (their Pods) or images in full, as JSON."""
    _need(names, "inspect")
    with open_machine(dir, namespace) as machine:
        found = [machine.inspect(name) for name in names]
    sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")


def _need(names: tuple[str, ...], command: str) -> None:
    if not names:
        raise CommandError(f"say which: podling {command} NAME ...")


def given(texts: list[str]) -> list[str]:
    """A variable without a value is the one of this shell; one that is not set here is not passed on."""
    pairs = [text if "=" in text or text not in os.environ else f"{text}={os.environ[text]}" for text in texts]
    return [pair for pair in pairs if "=" in pair]


def _env_file(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except OSError as error:
        raise CommandError(f"cannot read --env-file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"--env-file {file} is no text") from None
    return given([line for line in lines if line and not line.startswith("#")])
