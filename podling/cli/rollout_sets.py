"""How far a stateful set's or a daemon set's rollout is, and what its revisions were. Pure.

Behaviour: kubectl's rollout status and history.
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.cli.rollout_state import CHANGE_CAUSE, Revision, RolloutFailed, Tree


def stateful_set_progress(stateful_set: Tree) -> tuple[str, bool]:
    """What to say of the rollout, and whether it is done. Raises RolloutFailed when nothing rolls out by itself."""
    metadata, spec, status = stateful_set["metadata"], stateful_set["spec"], stateful_set.get("status", {})
    strategy = spec.get("updateStrategy", {})
    _must_roll(strategy)
    if metadata.get("generation", 0) > status.get("observedGeneration", 0):
        return "Waiting for statefulset spec update to be observed...", False
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    updated = status.get("updatedReplicas", 0)
    if ready < wanted:
        return f"Waiting for {wanted - ready} pods to be ready...", False
    if strategy.get("rollingUpdate"):
        rolled = max(0, wanted - (strategy["rollingUpdate"].get("partition") or 0))
        if updated < rolled:
            words = "Waiting for partitioned roll out to finish: "
            return f"{words}{updated} out of {rolled} new pods have been updated...", False
        return f"partitioned roll out complete: {updated} new pods have been updated...", True
    current, update = status.get("currentRevision", ""), status.get("updateRevision", "")
    if current != update:
        return f"waiting for statefulset rolling update to complete {updated} pods at revision {update}...", False
    words = "statefulset rolling update complete"
    return f"{words} {status.get('currentReplicas', 0)} pods at revision {current}...", True


def daemon_set_progress(daemon_set: Tree) -> tuple[str, bool]:
    """What to say of the rollout, and whether it is done. Raises RolloutFailed when nothing rolls out by itself."""
    metadata, status = daemon_set["metadata"], daemon_set.get("status", {})
    _must_roll(daemon_set["spec"].get("updateStrategy", {}))
    if metadata.get("generation", 0) > status.get("observedGeneration", 0):
        return "Waiting for daemon set spec update to be observed...", False
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    available = status.get("numberAvailable", 0)
    waiting = f'Waiting for daemon set "{metadata["name"]}" rollout to finish: '
    if updated < wanted:
        return f"{waiting}{updated} out of {wanted} new pods have been updated...", False
    if available < wanted:
        return f"{waiting}{available} of {wanted} updated pods are available...", False
    return f'daemon set "{metadata["name"]}" successfully rolled out', True


def history(owner: Tree, controller_revisions: Iterable[Tree]) -> list[Revision]:
    """The owner's revisions, oldest first."""
    uid = owner["metadata"]["uid"]
    found = []
    for tree in controller_revisions:
        metadata = tree["metadata"]
        if any(each["uid"] == uid and each.get("controller") for each in metadata.get("ownerReferences", ())):
            kept = tree["data"].get("spec", {}).get("template", {})
            template = {key: value for key, value in kept.items() if key != "$patch"}
            cause = metadata.get("annotations", {}).get(CHANGE_CAUSE, "<none>")
            found.append(Revision(tree["revision"], cause, template))
    return sorted(found, key=lambda revision: revision.number)


def _must_roll(strategy: Tree) -> None:
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        kind = strategy["type"]
        raise RolloutFailed(f"with the update strategy {kind} nothing rolls out until its pods are deleted")
