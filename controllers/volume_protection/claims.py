"""The pvc-protection controller: a claim that is to go stays while a pod uses it (upstream: pvcprotection)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from api.errors import NotFound
from api.types import PersistentVolumeClaim, Pod
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.mirror import key_of
from controllers.persistent_volume.names import CLAIM_PROTECTION
from controllers.pods import is_terminal

NAME = "pvc-protection"


class ClaimProtection:
    """reconcile(claim): put the finalizer on what lives, take it off what nobody uses any more."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._claims = context.mirror(PersistentVolumeClaim)
        self._pods = context.mirror(Pod)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._claims.add_handler(self._claim_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        claim = self._claims.get(*key)
        if claim is None:
            return
        protected = CLAIM_PROTECTION in claim.metadata.finalizers
        if claim.metadata.deletion_timestamp is None:
            if not protected:
                finalizers = [*claim.metadata.finalizers, CLAIM_PROTECTION]
                await self._write(claim, finalizers)
        elif protected and not await self._is_used(claim):
            await self._write(claim, [each for each in claim.metadata.finalizers if each != CLAIM_PROTECTION])

    async def _is_used(self, claim: PersistentVolumeClaim) -> bool:
        namespace, name = key_of(claim)
        if any(uses(pod, name) for pod in self._pods.by_index("namespace", namespace)):
            return True
        # Data depend on it: what our copy does not show the API server may know.
        found = await self._client.list(Pod, namespace)
        return any(uses(pod, name) for pod in found.items)

    async def _write(self, claim: PersistentVolumeClaim, finalizers: list[str]) -> None:
        try:
            await self._claims.update(replace(claim, metadata=replace(claim.metadata, finalizers=finalizers)))
        except NotFound:
            return

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if new is None:
            return
        if new.metadata.deletion_timestamp is not None or CLAIM_PROTECTION not in new.metadata.finalizers:
            self._queue.add(key_of(new))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old is None or (new is not None and not is_terminal(new)):
            return
        for name in claims_of(old):
            claim = self._claims.get(old.metadata.namespace, name)
            if claim is not None and claim.metadata.deletion_timestamp is not None:
                self._queue.add(key_of(claim))


def uses(pod: Pod, claim: str) -> bool:
    """Whether a pod holds a claim: one that has a node and has not ended."""
    return bool(pod.spec.node_name) and not is_terminal(pod) and claim in claims_of(pod)


def claims_of(pod: Pod) -> Iterator[str]:
    """The claims a pod's volumes name, generic ephemeral ones too."""
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}"
