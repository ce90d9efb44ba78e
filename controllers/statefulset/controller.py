"""The StatefulSet controller: watches pods and claims, carries out plans, keeps history and status."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from api import selectors
from api.errors import AlreadyExists, NotFound, StatusError
from api.types import ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet, StatefulSetStatus
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.adoption import settle
from controllers.batches import slow_start
from controllers.context import Context, controlled_by, orphans_of
from controllers.mirror import key_of
from controllers.namespace.errors import is_terminating
from controllers.ownership import claim
from controllers.pod_owners import PodOwners
from controllers.revisions.ledger import Ledger
from controllers.revisions.snapshot import HASH_LABEL, template_of
from controllers.statefulset.identity import ordinal_of, revision_of
from controllers.statefulset.plan import (
    Action,
    AwaitClaim,
    CreateClaim,
    CreatePod,
    DeletePod,
    LabelPod,
    Observed,
    OwnClaim,
    Plan,
    Revision,
    plan,
)

NAME = "statefulset"


class StatefulSetController:
    """reconcile(key): claim pods and revisions, take the next step, write the status, shorten the history."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._recorder = context.recorder("statefulset-controller")
        self._sets = context.mirror(StatefulSet)
        self._pods = context.mirror(Pod)
        self._pod_owners = PodOwners("StatefulSet", self._sets, _may_adopt)
        self._claims = context.mirror(PersistentVolumeClaim)
        self._ledger = Ledger(context, HASH_LABEL)
        self._queue = context.controller(NAME, self.reconcile, workers=5)
        self._sets.add_handler(self._set_changed)
        self._pods.add_handler(self._pod_changed)
        self._claims.add_handler(self._claim_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        stateful_set = self._sets.get(*key)
        if stateful_set is None:
            return
        pods = await self._claim(stateful_set)
        if stateful_set.metadata.deletion_timestamp is not None:
            await self._write_status(stateful_set, self._plan_of_deleted(stateful_set, pods).status)
            return
        revisions = await self._ledger.claim(stateful_set)
        newest, collisions = await self._ledger.current(stateful_set, revisions)
        current, update = _revisions(stateful_set, revisions, newest)
        observed = Observed(pods, self._claims_of(stateful_set), current, update, collisions)
        decided = plan(stateful_set, observed, self._context.now())
        failure = await self._carry_out(stateful_set, decided.steps)
        await self._write_status(stateful_set, decided.status)
        if failure is not None:
            raise failure
        live = {current.name, update.name, *map(revision_of, pods)}
        await self._ledger.truncate(revisions, live, stateful_set.spec.revision_history_limit)
        if decided.requeue_seconds is not None:
            self._queue.add_after(key, decided.requeue_seconds)

    async def _claim(self, stateful_set: StatefulSet) -> list[Pod]:
        """The set's pods, ended and terminating ones included; what is not named after it is none of them."""
        candidates = [
            pod
            for owner in (controlled_by(stateful_set), orphans_of(stateful_set.metadata.namespace))
            for pod in self._pods.by_index("controller", owner)
            if ordinal_of(stateful_set, pod) is not None
        ]
        matches = selectors.from_record(stateful_set.spec.selector).matches
        return await settle(self._client, stateful_set, self._pods, claim(stateful_set, matches, candidates))

    def _plan_of_deleted(self, stateful_set: StatefulSet, pods: Sequence[Pod]) -> Plan:
        """A set that is being deleted gets no new revision: the garbage collector is taking its history."""
        template, status = stateful_set.spec.template, stateful_set.status
        current, update = Revision(status.current_revision, template), Revision(status.update_revision, template)
        observed = Observed(pods, {}, current, update, status.collision_count or 0)
        return plan(stateful_set, observed, self._context.now())

    def _claims_of(self, stateful_set: StatefulSet) -> dict[str, PersistentVolumeClaim]:
        if not stateful_set.spec.volume_claim_templates:
            return {}
        found = self._claims.by_index("namespace", stateful_set.metadata.namespace)
        return {each.metadata.name: each for each in found}

    async def _carry_out(self, stateful_set: StatefulSet, steps: Sequence[list[Action]]) -> StatusError | None:
        """The first failure: with OrderedReady one step after the other, else side by side, slowly at first."""
        if stateful_set.spec.pod_management_policy != "Parallel":
            for step in steps:
                failure = await self._take(stateful_set, step)
                if failure is not None:
                    return failure
            return None
        begin = 0
        for size in slow_start(len(steps)):
            batch = steps[begin : begin + size]
            failures = await asyncio.gather(*(self._take(stateful_set, step) for step in batch))
            failure = next((each for each in failures if each is not None), None)
            if failure is not None:
                return failure
            begin += size
        return None

    async def _take(self, stateful_set: StatefulSet, step: Sequence[Action]) -> StatusError | None:
        try:
            for action in step:
                if isinstance(action, AwaitClaim):
                    words = f"pvc {action.claim.metadata.name} is being deleted"
                    self._tell_of_pod(stateful_set, "create", action.pod_name, words)
                    return None  # its end brings the set back into the queue
                await self._act(stateful_set, action)
        except StatusError as error:
            return error
        return None

    async def _act(self, stateful_set: StatefulSet, action: Action) -> None:
        if isinstance(action, CreateClaim):
            await self._create_claim(stateful_set, action)
        elif isinstance(action, OwnClaim):
            metadata = replace(action.claim.metadata, owner_references=action.owners)
            await self._claims.update(replace(action.claim, metadata=metadata))
        elif isinstance(action, CreatePod):
            await self._create_pod(stateful_set, action.pod)
        elif isinstance(action, DeletePod):
            await self._delete_pod(stateful_set, action.pod)
        elif isinstance(action, LabelPod):
            await self._pods.patch(action.pod, {"metadata": {"labels": dict(action.labels)}})
            self._tell_of_pod(stateful_set, "update", action.pod.metadata.name)

    async def _create_claim(self, stateful_set: StatefulSet, action: CreateClaim) -> None:
        what = f"create Claim {action.claim.metadata.name} Pod {action.pod_name} in StatefulSet"
        name = stateful_set.metadata.name
        try:
            await self._claims.create(action.claim)
        except AlreadyExists:
            return  # made by an earlier attempt, or kept from an earlier set
        except StatusError as error:
            if not is_terminating(error):
                words = f"{what} {name} failed error: {error.message}"
                self._recorder.record(stateful_set, WARNING, "FailedCreate", words)
            raise
        self._recorder.record(stateful_set, NORMAL, "SuccessfulCreate", f"{what} {name} success")

    async def _create_pod(self, stateful_set: StatefulSet, pod: Pod) -> None:
        try:
            await self._pods.create(pod)
        except StatusError as error:
            # A pod that is there already is ours, and seen soon, or another's, whose end we await.
            if not isinstance(error, AlreadyExists) and not is_terminating(error):
                self._tell_of_pod(stateful_set, "create", pod.metadata.name, error.message)
            raise
        self._tell_of_pod(stateful_set, "create", pod.metadata.name)

    async def _delete_pod(self, stateful_set: StatefulSet, pod: Pod) -> None:
        try:
            deleted = await self._pods.terminate(pod)
        except StatusError as error:
            self._tell_of_pod(stateful_set, "delete", pod.metadata.name, error.message)
            raise
        if deleted:
            self._tell_of_pod(stateful_set, "delete", pod.metadata.name)

    def _tell_of_pod(self, stateful_set: StatefulSet, verb: str, pod_name: str, failure: str = "") -> None:
        what = f"{verb} Pod {pod_name} in StatefulSet {stateful_set.metadata.name}"
        if failure:
            words = f"{what} failed error: {failure}"
            self._recorder.record(stateful_set, WARNING, f"Failed{verb.capitalize()}", words)
        else:
            self._recorder.record(stateful_set, NORMAL, f"Successful{verb.capitalize()}", f"{what} successful")

    async def _write_status(self, stateful_set: StatefulSet, status: StatefulSetStatus) -> None:
        if status == stateful_set.status:
            return
        try:
            await self._sets.update(replace(stateful_set, status=status), subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _set_changed(self, old: StatefulSet | None, new: StatefulSet | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for owner in self._pod_owners.concerned(old, new):
            self._queue.add(key_of(owner))

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        """A claim's end is what a pod to be made may wait for."""
        if old is None or new is not None:
            return
        for stateful_set in self._sets.by_index("namespace", old.metadata.namespace):
            templates = stateful_set.spec.volume_claim_templates
            prefixes = [f"{each.metadata.name}-{stateful_set.metadata.name}-" for each in templates]
            if old.metadata.name.startswith(tuple(prefixes)):
                self._queue.add(key_of(stateful_set))


def _may_adopt(stateful_set: StatefulSet, pod: Pod) -> bool:
    matches = selectors.from_record(stateful_set.spec.selector).matches
    return ordinal_of(stateful_set, pod) is not None and matches(pod.metadata.labels)


def _revisions(
    stateful_set: StatefulSet, known: Sequence[ControllerRevision], newest: ControllerRevision
) -> tuple[Revision, Revision]:
    """The current revision, as the status names it, and the update revision. Raises BadRequest."""
    update = Revision(newest.metadata.name, stateful_set.spec.template)
    name = stateful_set.status.current_revision
    found = next((each for each in known if each.metadata.name == name), None)
    if found is None or name == update.name:
        return update, update
    return Revision(name, template_of(found)), update
