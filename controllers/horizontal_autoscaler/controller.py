"""The horizontal autoscaler: looks at each target's metrics once a period, and changes its scale."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from api import scheme, selectors
from api.errors import BadRequest, NotFound, StatusError
from api.scheme import Resource
from api.selectors import LabelSelector
from api.types import CrossVersionObjectReference, HorizontalPodAutoscaler, Pod, PodMetrics, Scale
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.horizontal_autoscaler.history import History
from controllers.horizontal_autoscaler.metrics import Readings
from controllers.horizontal_autoscaler.plan import (
    Decision,
    after_failed_rescale,
    after_rescale,
    by_metrics,
    without_metrics,
    without_pods,
    without_scale,
)
from controllers.horizontal_autoscaler.settings import AutoscalerSettings
from controllers.mirror import key_of

NAME: Final = "horizontalpodautoscaler"


class HorizontalAutoscaler:
    """reconcile(key): one autoscaler, now and again after the period."""

    def __init__(self, context: Context, settings: AutoscalerSettings) -> None:
        self._context = context
        self._client = context.client
        self._settings = settings
        self._recorder = context.recorder("horizontal-pod-autoscaler")
        self._autoscalers = context.mirror(HorizontalPodAutoscaler)
        self._pods = context.mirror(Pod)
        self._histories: dict[ObjectKey, tuple[str, History]] = {}
        self._selectors: dict[ObjectKey, LabelSelector] = {}
        self._queue = context.controller(NAME, self.reconcile, workers=5)
        self._autoscalers.add_handler(self._changed)

    async def reconcile(self, key: ObjectKey) -> None:
        autoscaler = self._autoscalers.get(*key)
        if autoscaler is None:
            self._histories.pop(key, None)
            self._selectors.pop(key, None)
            return
        self._queue.add_after(key, self._settings.sync_period_seconds)
        target = _target(autoscaler.spec.scale_target_ref)
        if isinstance(target, str):
            await self._finish(autoscaler, without_scale(autoscaler, target, self._context.now()))
            return
        try:
            scale = await self._client.get(
                Scale, autoscaler.spec.scale_target_ref.name, key[0], subresource="scale", of=target.record
            )
        except StatusError as error:
            # Whose pods nobody knows must not stand in the way of others.
            self._selectors.pop(key, None)
            await self._finish(autoscaler, without_scale(autoscaler, error.message, self._context.now()))
            return
        decision = await self._decide(autoscaler, scale)
        if decision.rescale is None:
            await self._finish(autoscaler, decision)
        else:
            await self._rescale(autoscaler, scale, target, decision, decision.rescale)

    async def _decide(self, autoscaler: HorizontalPodAutoscaler, scale: Scale) -> Decision:
        current, key = scale.spec.replicas, key_of(autoscaler)
        history = self._history(autoscaler)
        history.begin(current, self._context.now())
        decided = without_metrics(autoscaler, current, self._context.now())
        if decided is not None:
            return decided
        if not scale.status.selector:
            words = "the HPA target's scale is missing a selector"
            return without_pods(autoscaler, current, "InvalidSelector", "SelectorRequired", words, self._context.now())
        try:
            selector = selectors.labels(scale.status.selector)
        except BadRequest as error:
            words = f"couldn't convert selector into a corresponding internal selector object: {error.message}"
            return without_pods(autoscaler, current, "InvalidSelector", "InvalidSelector", words, self._context.now())
        self._selectors[key] = selector
        pods = [pod for pod in self._pods.by_index("namespace", key[0]) if selector.matches(pod.metadata.labels)]
        others = self._others(key, pods)
        if others:
            names = " ".join(f"{{{namespace} {name}}}" for namespace, name in sorted([key, *others]))
            words = f"pods by selector {scale.status.selector} are controlled by multiple HPAs: [{names}]"
            reason = "AmbiguousSelector"
            return without_pods(autoscaler, current, reason, reason, words, self._context.now())
        readings = await self._read(key[0], scale.status.selector, pods)
        return by_metrics(autoscaler, current, readings, history, self._settings, self._context.now())

    async def _read(self, namespace: str, selector: str, pods: list[Pod]) -> Readings:
        try:
            answer = await self._client.list(PodMetrics, namespace, label_selector=selector)
        except StatusError as error:
            return Readings(pods, [], error.message)
        return Readings(pods, answer.items)

    def _others(self, key: ObjectKey, pods: list[Pod]) -> list[ObjectKey]:
        """Further autoscalers of these pods."""
        near = [other for other in self._selectors if other[0] == key[0] and other != key]
        return [other for other in near if any(self._selectors[other].matches(pod.metadata.labels) for pod in pods)]

    async def _rescale(
        self, autoscaler: HorizontalPodAutoscaler, scale: Scale, target: Resource, decision: Decision, wanted: int
    ) -> None:
        current = scale.spec.replicas
        asked = replace(scale, spec=replace(scale.spec, replicas=wanted))
        said = f"New size: {wanted}; reason: {decision.cause}"
        try:
            await self._client.update(asked, subresource="scale", of=target.record)
        except StatusError as error:
            self._recorder.record(autoscaler, WARNING, "FailedRescale", f"{said}; error: {error.message}")
            decision.status = after_failed_rescale(autoscaler, decision, error.message, self._context.now())
            await self._finish(autoscaler, decision)
            raise
        now = self._context.now()
        self._recorder.record(autoscaler, NORMAL, "SuccessfulRescale", said)
        self._history(autoscaler).scaled(current, wanted, now, autoscaler.spec.behavior)
        decision.status = after_rescale(decision, wanted, now)
        await self._finish(autoscaler, decision)

    async def _finish(self, autoscaler: HorizontalPodAutoscaler, decision: Decision) -> None:
        for warning in decision.warnings:
            self._recorder.record(autoscaler, WARNING, warning.reason, warning.message)
        if decision.status == autoscaler.status:
            return
        try:
            await self._autoscalers.update(replace(autoscaler, status=decision.status), subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _history(self, autoscaler: HorizontalPodAutoscaler) -> History:
        """Of this very object: one made anew under the same name has none."""
        key, uid = key_of(autoscaler), autoscaler.metadata.uid
        known = self._histories.get(key)
        if known is None or known[0] != uid:
            known = self._histories[key] = (uid, History())
        return known[1]

    def _changed(self, old: HorizontalPodAutoscaler | None, new: HorizontalPodAutoscaler | None) -> None:
        # Its status is our own; the next look at it is under way already.
        changed = new or old
        if changed is not None and (old is None or new is None or old.spec != new.spec):
            self._queue.add(key_of(changed))


def _target(reference: CrossVersionObjectReference) -> Resource | str:
    """The resource of what is to be scaled, or what is wrong with the reference."""
    if reference.api_version.count("/") > 1:
        return f"invalid API version in scale target reference: unexpected GroupVersion string: {reference.api_version}"
    group = reference.api_version.rpartition("/")[0]
    for resource in scheme.RESOURCES:
        if (resource.group, resource.kind) == (group, reference.kind):
            if any(subresource.name == "scale" for subresource in resource.subresources):
                return resource
            return "the server could not find the requested resource"
    kind = f"{reference.kind}.{group}" if group else reference.kind
    return f'unable to determine resource for scale target reference: no matches for kind "{kind}" in group "{group}"'
