"""`podling rollout`: how a workload's change goes, and back to an earlier one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from api import scheme, timestamps
from api.scheme import Resource
from podling.cli import durations, rollout_sets, rollout_state, targets
from podling.cli.each import each
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Namespace, Timeout
from podling.cli.output import say
from podling.cli.progress import progress
from podling.cli.rollout_state import CHANGE_CAUSE, Revision, without_hash
from podling.cli.rpc import JSON_PATCH, STRATEGIC, Api, Tree, api, tree
from podling.cli.waiting import states
from podling.errors import CommandError
from podling.tabular import columns

rollout = App(name="rollout", help="See how a workload's change goes; go back to an earlier one.")

DEPLOYMENT = scheme.by_kind("apps/v1", "Deployment")
REPLICA_SET = scheme.by_kind("apps/v1", "ReplicaSet")
STATEFUL_SET = scheme.by_kind("apps/v1", "StatefulSet")
DAEMON_SET = scheme.by_kind("apps/v1", "DaemonSet")
CONTROLLER_REVISION = scheme.by_kind("apps/v1", "ControllerRevision")
PROGRESS = {
    DEPLOYMENT: rollout_state.progress_of,
    STATEFUL_SET: rollout_sets.stateful_set_progress,
    DAEMON_SET: rollout_sets.daemon_set_progress,
}
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


@rollout.command
def status(
    *what: str,
    watch: Annotated[bool, Parameter(help="Wait until it is done.")] = True,
    timeout: Timeout = "0",
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Wait for a rollout to be done, saying how far it is."""
    limit = durations.seconds(timeout)
    with api(dir) as server:
        for workload in _workloads(what):
            _follow(server, namespace, workload, time.monotonic() + limit if limit else None, once=not watch)


def _follow(server: Api, namespace: str, workload: Workload, deadline: float | None, *, once: bool) -> None:
    resource, name = workload.resource, workload.name
    with progress() as tell:
        for state in states(server, resource, namespace, name, deadline):
            if state is None:
                server.get(resource, namespace, name)  # says that it is not there
                continue
            try:
                line, done = PROGRESS[resource](state)
            except rollout_state.RolloutFailed as error:
                hint = f"`podling describe {resource.singular}/{name}` may say why"
                raise CommandError(f"{error}: {hint}") from None
            if done or once:
                break
            tell(line)
        else:
            hint = "`podling rollout status` waits on"
            raise CommandError(f'timed out waiting for {resource.singular} "{name}"; {hint}')
    say(line)


@rollout.command
def history(
    *what: str,
    revision: Annotated[int, Parameter(help="Show one revision's pod template.")] = 0,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Show a workload's revisions."""
    with api(dir) as server:
        for workload in _workloads(what):
            _, known = _revisions(server, namespace, workload)
            if revision:
                from api import yaml

                chosen = _choose(known, revision, workload)
                say(f"{workload} with revision #{revision}\n{yaml.dump(chosen.template)}")
            else:
                rows = [(str(one.number), one.change_cause) for one in known]
                say(f"{workload}\n{columns(('REVISION', 'CHANGE-CAUSE'), rows)}\n")


@rollout.command
def undo(
    *what: str,
    to_revision: Annotated[int, Parameter(help="Which; 0 is the one before.")] = 0,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Go back to the revision before, or to another."""

    def act(server: Api, workload: Workload) -> None:
        current, known = _revisions(server, namespace, workload)
        if current["spec"].get("paused"):
            raise CommandError(f"{workload} is paused: `podling rollout resume {workload.short}` first")
        if not to_revision and len(known) < 2:
            raise CommandError(f"{workload} has no revision to go back to")
        chosen = _choose(known, to_revision, workload) if to_revision else known[-2]
        if without_hash(chosen.template) == without_hash(current["spec"]["template"]):
            say(f"{workload} skipped rollback (current template already matches revision {chosen.number})")
            return
        patch: list[Tree] = [{"op": "replace", "path": "/spec/template", "value": chosen.template}]
        if chosen.change_cause != "<none>":
            annotations = {**current["metadata"].get("annotations", {}), CHANGE_CAUSE: chosen.change_cause}
            patch.append({"op": "add", "path": "/metadata/annotations", "value": annotations})
        server.patch(workload.resource, namespace, workload.name, patch, patch_type=JSON_PATCH)
        say(f"{workload} rolled back")

    with api(dir) as server:
        each(_workloads(what), lambda workload: act(server, workload))


@rollout.command
def restart(*what: str, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None) -> None:
    """Replace all pods of a workload, as for a change."""
    template = {"metadata": {"annotations": {RESTARTED_AT: timestamps.now_text(time.time())}}}
    _patch_spec(what, {"template": template}, "restarted", namespace, dir)


@rollout.command
def pause(*what: str, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None) -> None:
    """Make changes of a deployment wait."""
    _patch_spec(what, {"paused": True}, "paused", namespace, dir)


@rollout.command
def resume(*what: str, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None) -> None:
    """Carry out a paused deployment's changes."""
    _patch_spec(what, {"paused": None}, "resumed", namespace, dir)


def _patch_spec(what: tuple[str, ...], spec: Tree, done: str, namespace: str, dir: Dir) -> None:
    def act(server: Api, workload: Workload) -> None:
        resource, name = workload.resource, workload.name
        if "paused" in spec:
            if resource is not DEPLOYMENT:
                raise CommandError(f"{resource.plural} cannot be {done}: only deployments can")
            is_paused = bool(server.get(resource, namespace, name)["spec"].get("paused"))
            if is_paused == bool(spec["paused"]):
                raise CommandError(f"{workload} is {'already' if is_paused else 'not'} paused")
        server.patch(resource, namespace, name, {"spec": spec}, patch_type=STRATEGIC)
        say(f"{workload} {done}")

    with api(dir) as server:
        each(_workloads(what), lambda workload: act(server, workload))


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload by resource and name; as text what kubectl calls it."""

    resource: Resource
    name: str

    def __str__(self) -> str:
        return targets.label(self.resource, self.name)

    @property
    def short(self) -> str:
        return f"{self.resource.singular}/{self.name}"


def _workloads(what: tuple[str, ...]) -> list[Workload]:
    workloads: list[Workload] = []
    for target in targets.parse_named(what):
        if target.resource not in PROGRESS:
            hint = "name a deployment, a statefulset or a daemonset"
            raise CommandError(f"{target.resource.plural} are not rolled out: {hint}")
        workloads += [Workload(target.resource, name) for name in target.names]
    return workloads


def _revisions(server: Api, namespace: str, workload: Workload) -> tuple[Tree, list[Revision]]:
    current = server.get(workload.resource, namespace, workload.name)
    kept_as = REPLICA_SET if workload.resource is DEPLOYMENT else CONTROLLER_REVISION
    kept = [tree(item) for item in server.list(kept_as, namespace).items]
    of = rollout_state.revisions if workload.resource is DEPLOYMENT else rollout_sets.history
    return current, of(current, kept)


def _choose(known: list[Revision], number: int, workload: Workload) -> Revision:
    for revision in known:
        if revision.number == number:
            return revision
    numbers = ", ".join(str(revision.number) for revision in known)
    raise CommandError(f"{workload} has no revision {number}: it has {numbers or 'none'}")
