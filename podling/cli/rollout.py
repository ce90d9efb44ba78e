"""`podling rollout`: how a deployment's change goes, and back to an earlier one."""

from __future__ import annotations

import time
from typing import Annotated

from cyclopts import App, Parameter

from api import scheme, timestamps
from api.scheme import Resource
from podling.cli import durations, rollout_state, targets
from podling.cli.each import each
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Namespace, Timeout
from podling.cli.output import say
from podling.cli.progress import progress
from podling.cli.rollout_state import CHANGE_CAUSE, POD_TEMPLATE_HASH, Revision
from podling.cli.rpc import JSON_PATCH, STRATEGIC, Api, Tree, api, tree
from podling.cli.waiting import states
from podling.errors import CommandError
from podling.tabular import columns

rollout = App(name="rollout", help="See how a deployment's change goes; go back to an earlier one.")

DEPLOYMENT = scheme.by_kind("apps/v1", "Deployment")
REPLICA_SET = scheme.by_kind("apps/v1", "ReplicaSet")
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
        for name in _names(what):
            _follow(server, namespace, name, time.monotonic() + limit if limit else None, once=not watch)


def _follow(server: Api, namespace: str, name: str, deadline: float | None, *, once: bool) -> None:
    with progress() as tell:
        for state in states(server, DEPLOYMENT, namespace, name, deadline):
            if state is None:
                server.get(DEPLOYMENT, namespace, name)  # says that it is not there
                continue
            try:
                line, done = rollout_state.progress_of(state)
            except rollout_state.RolloutFailed as error:
                raise CommandError(f"{error}: `podling describe deployment/{name}` may say why") from None
            if done or once:
                break
            tell(line)
        else:
            raise CommandError(f'timed out waiting for deployment "{name}"; `podling rollout status` waits on')
    say(line)


@rollout.command
def history(
    *what: str,
    revision: Annotated[int, Parameter(help="Show one revision's pod template.")] = 0,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Show a deployment's revisions."""
    with api(dir) as server:
        for name in _names(what):
            _, known = _revisions(server, namespace, name)
            if revision:
                from api import yaml

                chosen = _choose(known, revision, name)
                say(f"deployment.apps/{name} with revision #{revision}\n{yaml.dump(chosen.template)}")
            else:
                rows = [(str(one.number), one.change_cause) for one in known]
                say(f"deployment.apps/{name}\n{columns(('REVISION', 'CHANGE-CAUSE'), rows)}\n")


@rollout.command
def undo(
    *what: str,
    to_revision: Annotated[int, Parameter(help="Which; 0 is the one before.")] = 0,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Go back to the revision before, or to another."""

    def act(server: Api, name: str) -> None:
        deployment, known = _revisions(server, namespace, name)
        if deployment["spec"].get("paused"):
            raise CommandError(f"deployment.apps/{name} is paused: `podling rollout resume deployment/{name}` first")
        if not to_revision and len(known) < 2:
            raise CommandError(f"deployment.apps/{name} has no revision to go back to")
        chosen = _choose(known, to_revision, name) if to_revision else known[-2]
        if chosen.template == _without_hash(deployment["spec"]["template"]):
            say(f"deployment.apps/{name} skipped rollback (current template already matches revision {chosen.number})")
            return
        patch: list[Tree] = [{"op": "replace", "path": "/spec/template", "value": chosen.template}]
        if chosen.change_cause != "<none>":
            annotations = {**deployment["metadata"].get("annotations", {}), CHANGE_CAUSE: chosen.change_cause}
            patch.append({"op": "add", "path": "/metadata/annotations", "value": annotations})
        server.patch(DEPLOYMENT, namespace, name, patch, patch_type=JSON_PATCH)
        say(f"deployment.apps/{name} rolled back")

    with api(dir) as server:
        each(_names(what), lambda name: act(server, name))


@rollout.command
def restart(*what: str, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None) -> None:
    """Replace all pods of a deployment, as for a change."""
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
    def act(server: Api, name: str) -> None:
        if "paused" in spec:
            is_paused = bool(server.get(DEPLOYMENT, namespace, name)["spec"].get("paused"))
            if is_paused == bool(spec["paused"]):
                raise CommandError(f"deployment.apps/{name} is {'already' if is_paused else 'not'} paused")
        server.patch(DEPLOYMENT, namespace, name, {"spec": spec}, patch_type=STRATEGIC)
        say(f"deployment.apps/{name} {done}")

    with api(dir) as server:
        each(_names(what), lambda name: act(server, name))


def _names(what: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for target in targets.parse_named(what):
        _must_be_deployment(target.resource)
        names.extend(target.names)
    return names


def _must_be_deployment(resource: Resource) -> None:
    if resource is not DEPLOYMENT:
        raise CommandError(f"{resource.plural} are not rolled out: name a deployment")


def _revisions(server: Api, namespace: str, name: str) -> tuple[Tree, list[Revision]]:
    deployment = server.get(DEPLOYMENT, namespace, name)
    replica_sets = [tree(item) for item in server.list(REPLICA_SET, namespace).items]
    return deployment, rollout_state.revisions(deployment, replica_sets)


def _choose(known: list[Revision], number: int, name: str) -> Revision:
    for revision in known:
        if revision.number == number:
            return revision
    numbers = ", ".join(str(revision.number) for revision in known)
    raise CommandError(f"deployment.apps/{name} has no revision {number}: it has {numbers or 'none'}")


def _without_hash(template: Tree) -> Tree:
    metadata = template.get("metadata", {})
    labels = {key: value for key, value in metadata.get("labels", {}).items() if key != POD_TEMPLATE_HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}
