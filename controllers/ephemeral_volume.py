"""The ephemeral-volume controller: the claims of pods' generic ephemeral volumes (upstream: volume/ephemeral)."""

from __future__ import annotations

from api.errors import AlreadyExists, StatusError
from api.types import ObjectMeta, PersistentVolumeClaim, Pod, Volume
from cluster.events import WARNING
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.mirror import key_of
from controllers.ownership import controller_of, controller_reference

NAME = "ephemeral-volume"


class EphemeralVolumeController:
    """reconcile(pod): each ephemeral volume has a claim, owned by the pod and so deleted with it."""

    def __init__(self, context: Context) -> None:
        self._recorder = context.recorder("ephemeral_volume")
        self._pods = context.mirror(Pod)
        self._claims = context.mirror(PersistentVolumeClaim)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        pod = self._pods.get(*key)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            return
        for volume in pod.spec.volumes:
            if volume.ephemeral is not None:
                await self._ensure(pod, volume)

    async def _ensure(self, pod: Pod, volume: Volume) -> None:
        wanted = claim_for(pod, volume)
        found = self._claims.get(wanted.metadata.namespace, wanted.metadata.name)
        if found is None:
            try:
                await self._claims.create(wanted)
                return
            except AlreadyExists:
                return  # ours, by a write we have not seen, or somebody's: the next look tells
            except StatusError as error:
                text = f"ephemeral volume claim {wanted.metadata.name}: {error.message}"
                self._recorder.record(pod, WARNING, "FailedBinding", text)
                raise
        owner = controller_of(found)
        if owner is None or owner.uid != pod.metadata.uid:
            name = f"{wanted.metadata.namespace}/{wanted.metadata.name}"
            text = f"PVC {name} was not created for pod {pod.metadata.namespace}/{pod.metadata.name} (pod is not owner)"
            self._recorder.record(pod, WARNING, "FailedBinding", text)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is not None and any(volume.ephemeral is not None for volume in new.spec.volumes):
            self._queue.add(key_of(new))


def claim_for(pod: Pod, volume: Volume) -> PersistentVolumeClaim:
    """The claim of a pod's ephemeral volume: POD-VOLUME, as its template says."""
    assert volume.ephemeral is not None
    template = volume.ephemeral.volume_claim_template
    assert template is not None
    metadata = ObjectMeta(
        name=f"{pod.metadata.name}-{volume.name}",
        namespace=pod.metadata.namespace,
        labels=template.metadata.labels,
        annotations=template.metadata.annotations,
        owner_references=[controller_reference(pod)],
    )
    return PersistentVolumeClaim(metadata=metadata, spec=template.spec)
