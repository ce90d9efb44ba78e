"""The DaemonSet controller: watches nodes and pods, creates and deletes pods, keeps history and status."""

from __future__ import annotations

from msgspec.structs import replace

from api import selectors
from api.errors import NotFound, StatusError
from api.types import ControllerRevision, DaemonSet, DaemonSetStatus, LabelSelector, Node, Pod
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.adoption import settle
from controllers.batches import failures_of, slow_start
from controllers.context import Context, controlled_by, orphans_of
from controllers.daemonset.backoff import FailureBackoff
from controllers.daemonset.fit import Fit, Rules
from controllers.daemonset.plan import Observed, Plan, plan
from controllers.daemonset.pods import new_pod
from controllers.mirror import key_of
from controllers.namespace.errors import is_terminating
from controllers.ownership import claim
from controllers.pod_owners import PodOwners
from controllers.revisions.ledger import Ledger
from controllers.revisions.snapshot import REVISION_LABEL

NAME = "daemonset"

# Each pass looks at every node: what many pods tell at once is looked at together, twice a second with 5,000 nodes.
NODES_PER_SECOND_OF_PATIENCE = 10_000


class DaemonSetController:
    """reconcile(key): claim pods and revisions, create and delete, write the status, shorten the history."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._recorder = context.recorder("daemonset-controller")
        self._sets = context.mirror(DaemonSet)
        self._pods = context.mirror(Pod)
        self._pod_owners = PodOwners("DaemonSet", self._sets, _may_adopt)
        self._nodes = context.mirror(Node)
        self._ledger = Ledger(context, REVISION_LABEL)
        self._backoff = FailureBackoff()
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._sets.add_handler(self._set_changed)
        self._pods.add_handler(self._pod_changed)
        self._nodes.add_handler(self._node_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        daemon_set = self._sets.get(*key)
        if daemon_set is None:
            return
        if daemon_set.spec.selector in (None, LabelSelector()):
            words = "This daemon set is selecting all pods. A non-empty selector is required."
            self._recorder.record(daemon_set, WARNING, "SelectingAll", words)
            return
        if daemon_set.metadata.deletion_timestamp is not None:
            return  # the garbage collector is taking its pods and its history
        revisions = await self._ledger.claim(daemon_set)
        current, collisions = await self._ledger.current(daemon_set, revisions)
        pods = await self._claim(daemon_set)
        revision = _hash(current)
        observed = Observed(self._nodes.items(), pods, revision, self._backoff)
        decided = plan(daemon_set, observed, self._context.now())
        failure = await self._carry_out(daemon_set, decided, revision)
        await self._write_status(daemon_set, replace(decided.status, collision_count=collisions or None))
        if failure is not None:
            raise failure
        hashes = {pod.metadata.labels.get(REVISION_LABEL, "") for pod in pods}
        live = {current.metadata.name, *(each.metadata.name for each in revisions if _hash(each) in hashes)}
        await self._ledger.truncate(revisions, live, daemon_set.spec.revision_history_limit)
        if decided.requeue_seconds is not None:
            self._queue.add_after(key, decided.requeue_seconds)

    async def _claim(self, daemon_set: DaemonSet) -> list[Pod]:
        candidates = [
            pod
            for owner in (controlled_by(daemon_set), orphans_of(daemon_set.metadata.namespace))
            for pod in self._pods.by_index("controller", owner)
        ]
        matches = selectors.from_record(daemon_set.spec.selector).matches
        return await settle(self._client, daemon_set, self._pods, claim(daemon_set, matches, candidates))

    async def _carry_out(self, daemon_set: DaemonSet, decided: Plan, revision: str) -> StatusError | None:
        """The first failure."""
        self._tell_of_ended(daemon_set, decided)
        begin = 0
        for size in slow_start(len(decided.create)):
            batch = decided.create[begin : begin + size]
            failures = await failures_of(self._create_one(daemon_set, node, revision) for node in batch)
            if failures:
                return failures[0]
            begin += size
        failures = await failures_of(self._delete_one(daemon_set, pod) for pod in decided.delete)
        return failures[0] if failures else None

    def _tell_of_ended(self, daemon_set: DaemonSet, decided: Plan) -> None:
        now = self._context.now()
        for pod, node in decided.failed:
            self._backoff.replaced((daemon_set.metadata.uid, node), now)
            name = f"{pod.metadata.namespace}/{pod.metadata.name}"
            words = f"Found failed daemon pod {name} on node {node}, will try to kill it"
            self._recorder.record(daemon_set, WARNING, "FailedDaemonPod", words)
        for pod, node in decided.succeeded:
            name = f"{pod.metadata.namespace}/{pod.metadata.name}"
            words = f"Found succeeded daemon pod {name} on node {node}, will try to delete it"
            self._recorder.record(daemon_set, NORMAL, "SucceededDaemonPod", words)

    async def _create_one(self, daemon_set: DaemonSet, node: str, revision: str) -> None:
        try:
            pod = await self._pods.create(new_pod(daemon_set, node, revision))
        except StatusError as error:
            if not is_terminating(error):
                self._recorder.record(daemon_set, WARNING, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.record(daemon_set, NORMAL, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")

    async def _delete_one(self, daemon_set: DaemonSet, pod: Pod) -> None:
        try:
            deleted = await self._pods.terminate(pod)
        except StatusError as error:
            self._recorder.record(daemon_set, WARNING, "FailedDelete", f"Error deleting: {error.message}")
            raise
        if deleted:
            self._recorder.record(daemon_set, NORMAL, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    async def _write_status(self, daemon_set: DaemonSet, status: DaemonSetStatus) -> None:
        if status == daemon_set.status:
            return
        try:
            await self._sets.update(replace(daemon_set, status=status), subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _set_changed(self, old: DaemonSet | None, new: DaemonSet | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for owner in self._pod_owners.concerned(old, new):
            self._queue.add_after(key_of(owner), len(self._nodes) / NODES_PER_SECOND_OF_PATIENCE)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """Most changes of a node are signs of life, which move no daemon."""
        if old is not None and new is not None and _same_to_daemons(old, new):
            return
        for daemon_set in self._sets.items():
            rules = Rules(daemon_set)
            if _fit(rules, old) != _fit(rules, new):
                self._queue.add(key_of(daemon_set))


def _may_adopt(daemon_set: DaemonSet, pod: Pod) -> bool:
    return selectors.from_record(daemon_set.spec.selector).matches(pod.metadata.labels)


def _hash(revision: ControllerRevision) -> str:
    """What the revision's pods are labelled with; an adopted revision without the label goes by its name."""
    return revision.metadata.labels.get(REVISION_LABEL) or revision.metadata.name


def _same_to_daemons(old: Node, new: Node) -> bool:
    return old.spec.taints == new.spec.taints and old.metadata.labels == new.metadata.labels


def _fit(rules: Rules, node: Node | None) -> Fit | None:
    return None if node is None else rules.fit(node)
