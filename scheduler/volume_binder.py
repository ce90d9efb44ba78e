"""What has to happen to a pod's claims before the pod is bound: volumes given to them, or provisioners told where.

Then it is waited until the volume controller says that they are bound, for a bounded time.
Source: upstream's BindPodVolumes (the VolumeBinding plugin's PreBind).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from api.errors import StatusError
from api.types import PersistentVolume, PersistentVolumeClaim
from cluster.client import Client, PatchKind
from scheduler.snapshot.volumes import SELECTED_NODE, ClaimKey, VolumeDecision, Volumes, is_bound

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"


class VolumesNotBound(Exception):
    """The volumes of a pod did not come about; the message says why. The pod is to be tried again."""


class VolumeBinder:
    """Carries out decisions about claims. `changed` is to be called when a claim or volume has changed.

    reaches: whether a node can use a volume.
    """

    def __init__(self, client: Client, volumes: Volumes, reaches: Callable[[PersistentVolume, str], bool]) -> None:
        self._client = client
        self._volumes = volumes
        self._reaches = reaches
        self._change = asyncio.Event()

    def changed(self) -> None:
        """Let those who wait look again."""
        self._change.set()
        self._change = asyncio.Event()

    async def bind(self, decision: VolumeDecision, seconds: float) -> None:
        """Carry out a decision and wait, `seconds` at most, until every claim is bound. Raises VolumesNotBound."""
        claims = [*(claim for claim, _ in decision.static), *decision.provision]
        try:
            for key, volume in decision.static:
                await self._give(key, volume)
            for key in decision.provision:
                await self._ask_for(key, decision.node)
        except StatusError as error:
            raise VolumesNotBound(f"binding volumes: {error.message}") from None
        try:
            async with asyncio.timeout(seconds):
                await self._wait(claims, decision)
        except TimeoutError:
            names = ", ".join(self._unbound(claims))
            raise VolumesNotBound(f"binding volumes: timed out waiting for {names} to be bound") from None

    async def _wait(self, claims: Iterable[ClaimKey], decision: VolumeDecision) -> None:
        asked_seen: set[ClaimKey] = set()
        while True:
            change = self._change
            if not self._unbound(claims):
                self._check_reach(claims, decision.node)
                return
            for key in decision.provision:
                self._check_asked(key, decision.node, asked_seen)
            await change.wait()

    def _check_reach(self, claims: Iterable[ClaimKey], node: str) -> None:
        """A provisioner may have had to make a volume elsewhere."""
        for key in claims:
            volume = self._volumes.volumes.get(self._volumes.claims[key].spec.volume_name)
            if volume is not None and not self._reaches(volume, node):
                raise VolumesNotBound(
                    f'PVC "{key[1]}" is bound to volume "{volume.metadata.name}", which node "{node}" cannot reach'
                )

    def _unbound(self, claims: Iterable[ClaimKey]) -> list[str]:
        names = []
        for key in claims:
            claim = self._volumes.claims.get(key)
            if claim is None:
                raise VolumesNotBound(f'persistentvolumeclaim "{key[1]}" was deleted')
            if not is_bound(claim):
                names.append(key[1])
        return names

    def _check_asked(self, key: ClaimKey, node: str, seen: set[ClaimKey]) -> None:
        """A provisioner that cannot do it takes the annotation away: the pod must be placed anew."""
        claim = self._volumes.claims[key]
        selected = claim.metadata.annotations.get(SELECTED_NODE, "")
        if selected == node:
            seen.add(key)
        elif (key in seen or selected) and not is_bound(claim):
            raise VolumesNotBound(f'provisioning failed for PVC "{key[1]}"')

    async def _give(self, key: ClaimKey, name: str) -> None:
        claim, volume = self._volumes.claims.get(key), self._volumes.volumes.get(name)
        if claim is None or volume is None:
            raise VolumesNotBound(f'persistentvolumeclaim "{key[1]}" or persistentvolume "{name}" was deleted')
        reference = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": key[0],
            "name": key[1],
            "uid": claim.metadata.uid,
            "resourceVersion": claim.metadata.resource_version,
        }
        metadata: dict[str, Any] = {"resourceVersion": volume.metadata.resource_version}
        if volume.spec.claim_ref is None:
            metadata["annotations"] = {BOUND_BY_CONTROLLER: "yes"}
        patch = {"metadata": metadata, "spec": {"claimRef": reference}}
        await self._client.patch(PersistentVolume, name, "", patch, kind=PatchKind.MERGE)

    async def _ask_for(self, key: ClaimKey, node: str) -> None:
        claim = self._volumes.claims.get(key)
        if claim is None:
            raise VolumesNotBound(f'persistentvolumeclaim "{key[1]}" was deleted')
        metadata = {"uid": claim.metadata.uid, "annotations": {SELECTED_NODE: node}}
        patch = {"metadata": metadata}
        await self._client.patch(PersistentVolumeClaim, key[1], key[0], patch, kind=PatchKind.MERGE)
