"""What a delete request does: upstream's rules for grace periods, finalizers and propagation."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api import scheme, timestamps
from api.errors import Conflict, Invalid
from api.types import (
    ConfigMap,
    DeleteOptions,
    Namespace,
    NamespaceSpec,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    Preconditions,
)
from apiserver.registry import deletion
from apiserver.registry.strategies.namespaces import NamespaceStrategy
from apiserver.registry.strategies.pods import PodStrategy
from apiserver.registry.strategy import Strategy
from apiserver.stored import Stored

NOW = 1_000_000.0
PODS = PodStrategy(scheme.find("pods"))
CONFIG_MAPS = Strategy(scheme.find("configmaps"))
NAMESPACES = NamespaceStrategy(scheme.find("namespaces"))


def pod(*, node: str = "n1", phase: str = "Running", grace: int | None = 30, **metadata: Any) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="p", namespace="default", generation=1, **metadata),
        spec=PodSpec(node_name=node, termination_grace_period_seconds=grace),
        status=PodStatus(phase=phase),
    )


def config_map(**metadata: Any) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="c", namespace="default", **metadata))


def plan(record: Any, strategy: Strategy = PODS, now: float = NOW, **options: Any) -> deletion.Outcome:
    return deletion.plan(strategy, record, DeleteOptions(**options), now)


def marked(record: Any, seconds: int, at: float = NOW) -> Any:
    metadata = replace(
        record.metadata,
        deletion_timestamp=timestamps.now_text(at + seconds),
        deletion_grace_period_seconds=seconds,
    )
    return replace(record, metadata=metadata)


def test_a_running_pod_terminates_within_its_grace_period() -> None:
    outcome = plan(pod())
    assert not outcome.gone
    metadata = outcome.record.metadata
    assert metadata.deletion_timestamp == timestamps.now_text(NOW + 30)
    assert metadata.deletion_grace_period_seconds == 30
    assert metadata.generation == 2


def test_the_request_sets_the_grace_period() -> None:
    assert plan(pod(), grace_period_seconds=5).record.metadata.deletion_grace_period_seconds == 5


def test_a_negative_grace_period_is_one_second() -> None:
    assert plan(pod(), grace_period_seconds=-3).record.metadata.deletion_grace_period_seconds == 1


@pytest.mark.parametrize("record", [pod(node=""), pod(phase="Succeeded"), pod(phase="Failed"), pod(grace=0)], ids=str)
def test_what_does_not_run_goes_at_once(record: Pod) -> None:
    assert plan(record).gone


def test_zero_grace_goes_at_once() -> None:
    assert plan(pod(), grace_period_seconds=0).gone


def test_a_second_delete_changes_nothing() -> None:
    assert plan(marked(pod(), 30)) == deletion.Outcome(None, gone=False)
    assert plan(marked(pod(), 30), grace_period_seconds=60) == deletion.Outcome(None, gone=False)


def test_a_second_delete_may_shorten_the_time_counted_from_the_first() -> None:
    outcome = plan(marked(pod(), 30), now=NOW + 10, grace_period_seconds=5)
    assert outcome.record.metadata.deletion_timestamp == timestamps.now_text(NOW + 5)
    assert outcome.record.metadata.deletion_grace_period_seconds == 5
    assert not outcome.gone


def test_the_kubelets_final_delete_ends_a_terminating_pod() -> None:
    assert plan(marked(pod(), 30), grace_period_seconds=0).gone


def test_finalizers_outlast_the_grace_period() -> None:
    outcome = plan(marked(pod(finalizers=["x/y"]), 30), grace_period_seconds=0)
    assert not outcome.gone
    assert outcome.record.metadata.deletion_grace_period_seconds == 0


def test_an_interrupted_delete_is_finished() -> None:
    assert plan(marked(pod(), 0)).gone


def test_a_plain_object_goes_at_once_as_it_was() -> None:
    record = config_map()
    assert plan(record, CONFIG_MAPS) == deletion.Outcome(record, gone=True)


def test_a_plain_object_with_finalizers_is_marked_once() -> None:
    first = plan(config_map(finalizers=["x/y"]), CONFIG_MAPS)
    assert first.record.metadata.deletion_timestamp == timestamps.now_text(NOW)
    assert first.record.metadata.deletion_grace_period_seconds == 0
    second = plan(first.record, CONFIG_MAPS, now=NOW + 60)
    assert second == deletion.Outcome(None, gone=False)


@pytest.mark.parametrize(
    ("options", "finalizers"),
    [
        ({"propagation_policy": "Orphan"}, ["orphan"]),
        ({"propagation_policy": "Foreground"}, ["foregroundDeletion"]),
        ({"orphan_dependents": True}, ["orphan"]),
    ],
)
def test_propagation_leaves_a_finalizer_for_the_garbage_collector(
    options: dict[str, Any], finalizers: list[str]
) -> None:
    outcome = plan(config_map(), CONFIG_MAPS, **options)
    assert not outcome.gone
    assert outcome.record.metadata.finalizers == finalizers


def test_background_propagation_takes_a_former_wish_back() -> None:
    outcome = plan(config_map(finalizers=["orphan"]), CONFIG_MAPS, propagation_policy="Background")
    assert outcome.gone


def test_a_finalizer_in_the_object_overrides_the_default() -> None:
    outcome = plan(config_map(finalizers=["foregroundDeletion"]), CONFIG_MAPS)
    assert outcome.record.metadata.finalizers == ["foregroundDeletion"]
    assert not outcome.gone


def test_a_namespace_terminates_until_its_finalizers_are_gone() -> None:
    record = Namespace(metadata=ObjectMeta(name="n"), spec=NamespaceSpec(finalizers=["kubernetes"]))
    outcome = plan(record, NAMESPACES)
    assert not outcome.gone
    assert outcome.record.status.phase == "Terminating"
    assert outcome.record.metadata.deletion_grace_period_seconds is None
    assert plan(replace(outcome.record, spec=NamespaceSpec()), NAMESPACES).gone


def test_preconditions() -> None:
    data = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"resourceVersion":"7","name":"c","uid":"u1"}}'
    stored = Stored(scheme.find("configmaps"), "default", "c", 7, data)
    good = DeleteOptions(preconditions=Preconditions(uid="u1", resource_version="7"))
    deletion.check_preconditions(stored.resource, stored, good)
    with pytest.raises(Conflict, match=r"the UID in the precondition \(u2\) does not match"):
        deletion.check_preconditions(stored.resource, stored, DeleteOptions(preconditions=Preconditions(uid="u2")))
    with pytest.raises(Conflict, match=r"the ResourceVersion in the precondition \(6\) does not match"):
        deletion.check_preconditions(
            stored.resource, stored, DeleteOptions(preconditions=Preconditions(resource_version="6"))
        )


@pytest.mark.parametrize(
    "options",
    [
        DeleteOptions(propagation_policy="Sideways"),
        DeleteOptions(propagation_policy="Orphan", orphan_dependents=True),
        DeleteOptions(dry_run=["Some"]),
    ],
)
def test_nonsense_is_refused(options: DeleteOptions) -> None:
    with pytest.raises(Invalid, match=r'^DeleteOptions.meta.k8s.io "" is invalid'):
        deletion.check_options(options)
