"""`podling delete`: objects by name, by label, of a type, or of files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from cyclopts import Parameter

from api.scheme import Resource
from podling.cli import choice, durations, manifests, targets
from podling.cli.each import each
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Files, Labels, MaybeNamespace, Timeout
from podling.cli.output import note, say
from podling.cli.progress import progress
from podling.cli.rpc import Api, ServerError, Tree, api
from podling.cli.waiting import wait_gone
from podling.errors import CommandError

_PROPAGATION = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


@dataclass(frozen=True, slots=True)
class Doomed:
    """An object to delete."""

    resource: Resource
    namespace: str
    name: str

    @property
    def label(self) -> str:
        return f'{self.resource.singular}{f".{self.resource.group}" if self.resource.group else ""} "{self.name}"'


def delete(
    *what: str,
    filename: Files = None,
    selector: Labels = "",
    all: Annotated[bool, Parameter(negative="", help="All objects of the type in the namespace.")] = False,
    namespace: MaybeNamespace = None,
    grace_period: Annotated[int, Parameter(help="Seconds to end in; -1 leaves it to the object.")] = -1,
    force: Annotated[bool, Parameter(negative="", help="With --grace-period=0: do not wait for the node.")] = False,
    now: Annotated[bool, Parameter(negative="", help="Same as --grace-period=1.")] = False,
    wait: Annotated[bool, Parameter(help="Return only when the objects are gone.")] = True,
    cascade: Annotated[
        Literal["background", "foreground", "orphan"], Parameter(help="What becomes of dependents.")
    ] = "background",
    ignore_not_found: Annotated[bool, Parameter(negative="", help="What is not there is as good as deleted.")] = False,
    timeout: Timeout = "0",
    dir: Dir = None,
) -> None:
    """Delete objects: `delete pod a b`, `delete pod/a svc/b`, `delete pods -l app=web`, `delete -f FILE`."""
    options = _options(1 if now else grace_period, force, cascade)
    limit = durations.seconds(timeout) or None
    with api(dir) as server:
        if filename:
            doomed = [Doomed(m.resource, m.namespace, m.name) for m in manifests.read(filename, namespace)]
        else:
            doomed = _named(server, what, selector, all, namespace or DEFAULT_NAMESPACE)
        if not doomed:
            note("No resources found")
        uids: dict[Doomed, str] = {}

        def begin(one: Doomed) -> None:
            try:
                uids[one] = _begin(server, one, options, forced=force)
            except ServerError as error:
                if not (ignore_not_found and error.not_found):
                    raise

        try:
            each(doomed, begin)
        finally:
            if wait and uids:
                _wait(server, uids, limit)


def _options(grace_period: int, force: bool, cascade: str) -> Tree:
    if grace_period == 0 and not force:
        # As kubectl: without force the node is still asked to end the containers.
        grace_period = 1
    if force and grace_period < 0:
        grace_period = 0
    options: Tree = {"propagationPolicy": _PROPAGATION[cascade]}
    if grace_period >= 0:
        options["gracePeriodSeconds"] = grace_period
    return options


def _named(server: Api, what: tuple[str, ...], selector: str, all: bool, namespace: str) -> list[Doomed]:
    return [
        Doomed(target.resource, namespace, name)
        for target in targets.parse(what)
        for name in choice.names(server, target, selector=selector, all=all, namespace=namespace)
    ]


def _begin(server: Api, one: Doomed, options: Tree, *, forced: bool) -> str:
    """Delete, or begin to; returns the uid of what is being deleted, `""` when it is gone already."""
    answer = server.delete(one.resource, one.namespace, one.name, options)
    say(f"{one.label} {'force deleted' if forced else 'deleted'}")
    return str(answer.get("metadata", {}).get("uid", "") or answer.get("details", {}).get("uid", ""))


def _wait(server: Api, uids: dict[Doomed, str], timeout_seconds: float | None) -> None:
    with progress(plain=False) as tell:
        for one, uid in uids.items():
            if not uid:
                continue
            tell_so = partial(tell, f"waiting for {one.label} to be gone")
            if not wait_gone(server, one.resource, one.namespace, one.name, uid, timeout_seconds, tell_so):
                raise CommandError(f"{one.label} is still there: it may have finalizers, see its metadata")
