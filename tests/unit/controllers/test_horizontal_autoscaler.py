"""The horizontal autoscaler's decisions, with upstream's cases: use against targets, new pods, pacing, conditions."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults, timestamps
from api.types import (
    Container,
    HorizontalPodAutoscaler,
    ObjectMeta,
    Pod,
    PodMetrics,
    PodSpec,
    PodStatus,
    ResourceRequirements,
)
from api.types.core_pod_status import PodCondition
from controllers.horizontal_autoscaler.calculator import Tolerance
from controllers.horizontal_autoscaler.history import History
from controllers.horizontal_autoscaler.limits import normalize
from controllers.horizontal_autoscaler.metrics import Readings, evaluate
from controllers.horizontal_autoscaler.plan import (
    after_failed_rescale,
    after_rescale,
    by_metrics,
    without_metrics,
    without_scale,
)
from controllers.horizontal_autoscaler.settings import AutoscalerSettings
from controllers.horizontal_autoscaler.usage import seconds_of

NOW = 1_700_000_000.0
SETTINGS = AutoscalerSettings()
OLD = NOW - 3600


def autoscaler(metrics: list[dict[str, Any]] | None = None, **spec: Any) -> HorizontalPodAutoscaler:
    tree = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": metrics if metrics is not None else [cpu(50)],
            **spec,
        },
    }
    return defaults.apply(codec.from_tree(HorizontalPodAutoscaler, tree))


def cpu(utilization: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def average(resource: str, value: str) -> dict[str, Any]:
    return {
        "type": "Resource",
        "resource": {"name": resource, "target": {"type": "AverageValue", "averageValue": value}},
    }


def pod(
    name: str,
    request: str = "100m",
    *,
    phase: str = "Running",
    ready: bool = True,
    started: float = OLD,
    changed: float = OLD,
    deleted: bool = False,
) -> Pod:
    condition = PodCondition(
        type="Ready", status="True" if ready else "False", last_transition_time=timestamps.now_text(changed)
    )
    requests = {"cpu": request, "memory": "100Mi"} if request else {}
    return Pod(
        metadata=ObjectMeta(
            name=name, namespace="shop", deletion_timestamp=timestamps.now_text(NOW) if deleted else None
        ),
        spec=PodSpec(containers=[Container(name="app", resources=ResourceRequirements(requests=requests))]),
        status=PodStatus(phase=phase, start_time=timestamps.now_text(started), conditions=[condition]),
    )


def used(name: str, amount: str, resource: str = "cpu", *, at: float = NOW) -> PodMetrics:
    tree = {
        "metadata": {"name": name, "namespace": "shop"},
        "timestamp": timestamps.now_text(at),
        "window": "15s",
        "containers": [{"name": "app", "usage": {resource: amount}}],
    }
    return codec.from_tree(PodMetrics, tree)


def replicas(pods: list[Pod], metrics: list[PodMetrics], current: int, *spec: dict[str, Any]) -> int | None:
    wanted = autoscaler(list(spec) or None).spec
    return evaluate(wanted, current, Readings(pods, metrics), SETTINGS, NOW).replicas


def test_use_above_the_target_calls_for_more_in_proportion() -> None:
    pods = [pod("a"), pod("b")]
    assert replicas(pods, [used("a", "100m"), used("b", "100m")], 2) == 4
    assert replicas(pods, [used("a", "10m"), used("b", "10m")], 2) == 1
    assert replicas(pods, [used("a", "60m"), used("b", "65m")], 2) == 3


@pytest.mark.parametrize(("amount", "expected"), [("45m", 2), ("55m", 2), ("56m", 3), ("20m", 1)])
def test_within_a_tenth_of_the_target_nothing_changes(amount: str, expected: int) -> None:
    pods = [pod("a"), pod("b")]
    assert replicas(pods, [used("a", amount), used("b", amount)], 2) == expected


def test_a_target_in_numbers_needs_no_requests() -> None:
    pods = [pod("a", request=""), pod("b", request="")]
    metrics = [used("a", "300Mi", "memory"), used("b", "100Mi", "memory")]
    assert replicas(pods, metrics, 2, average("memory", "100Mi")) == 4


def test_a_pod_nobody_measured_speaks_against_a_change() -> None:
    pods = [pod("a"), pod("b"), pod("c")]
    # Little use: the third is taken to use all it asked for. Much: none.
    assert replicas(pods, [used("a", "10m"), used("b", "10m")], 3) == 3
    assert replicas(pods, [used("a", "100m"), used("b", "100m")], 3) == 4


def test_a_pod_that_has_just_begun_counts_as_idle_when_there_is_much_use() -> None:
    fresh = pod("c", ready=False, started=NOW - 10, changed=NOW - 10)
    metrics = [used("a", "100m"), used("b", "100m"), used("c", "1000m")]
    assert replicas([pod("a"), pod("b"), fresh], metrics, 3) == 4
    # Without use the same pod says nothing either way.
    metrics = [used("a", "50m"), used("b", "50m"), used("c", "1000m")]
    assert replicas([pod("a"), pod("b"), fresh], metrics, 3) == 3


def test_cpu_measured_before_a_young_pod_was_ready_is_that_of_its_start() -> None:
    young = pod("b", started=NOW - 60, changed=NOW - 5)
    assert replicas([pod("a"), young], [used("a", "50m"), used("b", "1000m")], 2) == 2
    settled = pod("b", started=NOW - 60, changed=NOW - 30)
    assert replicas([pod("a"), settled], [used("a", "50m"), used("b", "150m")], 2) == 4


def test_pods_that_are_going_or_have_failed_do_not_count() -> None:
    pods = [pod("a"), pod("b", deleted=True), pod("c", phase="Failed")]
    metrics = [used("a", "100m"), used("b", "1000m"), used("c", "1000m")]
    assert replicas(pods, metrics, 1) == 2


def test_one_container_of_each_pod_can_be_what_counts() -> None:
    target = {"type": "Utilization", "averageUtilization": 50}
    metric = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app", "target": target}}
    assert replicas([pod("a")], [used("a", "100m")], 1, metric) == 2
    metric["containerResource"] = {"name": "cpu", "container": "other", "target": target}
    outcome = evaluate(autoscaler([metric]).spec, 1, Readings([pod("a")], [used("a", "1m")]), SETTINGS, NOW)
    assert outcome.failures[0].reason == "FailedGetContainerResourceMetric"
    assert "container other not present in metrics for pod shop/a" in outcome.failures[0].message


NOT_FETCHED = "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: down"
NOT_RETURNED = "unable to get metrics for resource cpu: no metrics returned from resource metrics API"
NOT_READY = "did not receive metrics for targeted pods (pods might be unready)"


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        (Readings([pod("a")], [], "down"), NOT_FETCHED),
        (Readings([pod("a")], []), NOT_RETURNED),
        (Readings([pod("a", request="")], [used("a", "1m")]), "missing request for cpu in container app of Pod a"),
        (Readings([pod("a", phase="Pending")], [used("a", "1m")]), NOT_READY),
        (Readings([], [used("a", "1m")]), "No pods returned by selector while calculating replica count"),
    ],
)
def test_what_keeps_a_number_from_being_told(readings: Readings, message: str) -> None:
    decision = by_metrics(autoscaler(), 2, readings, History(), SETTINGS, NOW)
    assert decision.rescale is None
    assert [warning.reason for warning in decision.warnings] == [
        "FailedGetResourceMetric",
        "FailedComputeMetricsReplicas",
    ]
    assert decision.warnings[0].message == message
    active = condition(decision.status, "ScalingActive")
    assert (active.status, active.reason) == ("False", "FailedGetResourceMetric")
    assert active.message == f"the HPA was unable to compute the replica count: {message}"


def test_metrics_of_apis_that_are_not_there_make_it_inactive() -> None:
    target = {"type": "AverageValue", "averageValue": "10"}
    metric = {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": target}}
    decision = by_metrics(autoscaler([metric]), 2, Readings([pod("a")], []), History(), SETTINGS, NOW)
    assert condition(decision.status, "ScalingActive").reason == "FailedGetPodsMetric"


def test_a_metric_that_fails_forbids_less_but_not_more() -> None:
    broken = {
        "type": "Pods",
        "pods": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    pods = [pod("a"), pod("b")]
    assert replicas(pods, [used("a", "100m"), used("b", "100m")], 2, broken, cpu(50)) == 4
    assert replicas(pods, [used("a", "1m"), used("b", "1m")], 2, broken, cpu(50)) is None


def test_of_several_metrics_the_greatest_number_counts() -> None:
    metrics = [
        codec.from_tree(
            PodMetrics,
            {
                "metadata": {"name": "a"},
                "timestamp": timestamps.now_text(NOW),
                "window": "15s",
                "containers": [{"name": "app", "usage": {"cpu": "10m", "memory": "400Mi"}}],
            },
        )
    ]
    outcome = evaluate(
        autoscaler([cpu(50), average("memory", "100Mi")]).spec, 1, Readings([pod("a")], metrics), SETTINGS, NOW
    )
    assert (outcome.replicas, outcome.name) == (4, "memory resource")
    assert [codec.to_tree(status)["resource"]["current"] for status in outcome.statuses] == [
        {"averageUtilization": 10, "averageValue": "10m"},
        {"averageValue": "419430400"},
    ]


def condition(status: Any, type_: str) -> Any:
    (found,) = [each for each in status.conditions if each.type == type_]
    return found


def test_a_rescale_says_why_and_what_came_of_it() -> None:
    readings = Readings([pod("a")], [used("a", "200m")])
    given = autoscaler()
    decision = by_metrics(given, 1, readings, History(), SETTINGS, NOW)
    assert (decision.rescale, decision.cause) == (4, "cpu resource utilization (percentage of request) above target")
    done = after_rescale(decision, 4, NOW)
    assert (done.current_replicas, done.desired_replicas) == (1, 4)
    assert done.last_scale_time == timestamps.now_text(NOW)
    assert condition(done, "AbleToScale").reason == "SucceededRescale"
    failed = after_failed_rescale(given, decision, "no", NOW)
    assert condition(failed, "AbleToScale").reason == "FailedUpdateScale"
    assert (failed.desired_replicas, failed.last_scale_time) == (0, None)


def test_no_replicas_means_that_it_is_switched_off() -> None:
    decision = without_metrics(autoscaler(), 0, NOW)
    assert decision is not None and decision.rescale is None
    assert condition(decision.status, "ScalingActive").reason == "ScalingDisabled"


def test_bounds_hold_whatever_is_measured() -> None:
    above = without_metrics(autoscaler(), 12, NOW)
    assert above is not None and (above.rescale, above.cause) == (
        10,
        "Current number of replicas above Spec.MaxReplicas",
    )
    below = without_metrics(autoscaler(minReplicas=3), 2, NOW)
    assert below is not None and (below.rescale, below.cause) == (
        3,
        "Current number of replicas below Spec.MinReplicas",
    )
    assert without_metrics(autoscaler(), 5, NOW) is None


def test_a_target_that_is_not_there() -> None:
    decision = without_scale(autoscaler(), 'deployments.apps "web" not found', NOW)
    able = condition(decision.status, "AbleToScale")
    assert (able.status, able.reason) == ("False", "FailedGetScale")
    assert able.message.endswith('current scale: deployments.apps "web" not found')


def test_conditions_keep_their_time_while_their_status_does() -> None:
    readings = Readings([pod("a")], [used("a", "50m")])
    first = by_metrics(autoscaler(), 1, readings, History(), SETTINGS, NOW).status
    again = by_metrics(replace(autoscaler(), status=first), 1, readings, History(), SETTINGS, NOW + 60).status
    assert first == again


def test_without_a_behavior_growth_is_at_most_double_and_shrinking_waits() -> None:
    spec, history = autoscaler(maxReplicas=100).spec, History()
    grown = normalize(spec, 3, 50, history, SETTINGS, NOW)
    assert (grown.replicas, grown.limited, grown.limit[0]) == (6, True, "ScaleUpLimit")
    held = normalize(spec, 6, 2, history, SETTINGS, NOW + 299)
    assert held.able[0] == "ScaleDownStabilized"
    assert held.replicas == 12  # the recommendation of 50 still stands, its pace is bounded
    shrunk = normalize(spec, 6, 2, history, SETTINGS, NOW + 700)
    assert (shrunk.replicas, shrunk.able[0], shrunk.limit[0]) == (2, "ReadyForNewScale", "DesiredWithinRange")


def test_bounds_limit_what_metrics_call_for() -> None:
    spec = autoscaler(minReplicas=2, maxReplicas=5).spec
    assert normalize(spec, 4, 9, History(), SETTINGS, NOW).limit[0] == "TooManyReplicas"
    low = normalize(spec, 4, 1, History(), SETTINGS, NOW)
    assert (low.replicas, low.limited, low.limit[0]) == (2, True, "TooFewReplicas")


def behavior(**rules: Any) -> Any:
    return autoscaler(maxReplicas=1000, behavior=rules).spec


def test_policies_bound_the_change_in_a_period() -> None:
    policies = [
        {"type": "Pods", "value": 2, "periodSeconds": 60},
        {"type": "Percent", "value": 50, "periodSeconds": 60},
    ]
    fastest = behavior(scaleUp={"policies": policies})
    assert normalize(fastest, 10, 100, History(), SETTINGS, NOW).replicas == 15
    slowest = behavior(scaleUp={"policies": policies, "selectPolicy": "Min"})
    assert normalize(slowest, 10, 100, History(), SETTINGS, NOW).replicas == 12
    never = behavior(scaleUp={"policies": policies, "selectPolicy": "Disabled"})
    assert normalize(never, 10, 100, History(), SETTINGS, NOW).replicas == 10


def test_what_was_done_within_the_period_counts() -> None:
    policies = [{"type": "Pods", "value": 4, "periodSeconds": 60}]
    given = autoscaler(maxReplicas=1000, behavior={"scaleUp": {"policies": policies}})
    history = History()
    history.scaled(10, 13, NOW, given.spec.behavior)
    assert normalize(given.spec, 13, 100, history, SETTINGS, NOW + 30).replicas == 14
    assert normalize(given.spec, 13, 100, history, SETTINGS, NOW + 61).replicas == 17


def test_scaling_down_is_paced_and_stabilized() -> None:
    rules = {"stabilizationWindowSeconds": 60, "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]}
    spec, history = behavior(scaleDown=rules), History()
    history.begin(80, NOW)
    held = normalize(spec, 80, 10, history, SETTINGS, NOW + 30)
    assert (held.replicas, held.able[0]) == (80, "ScaleDownStabilized")
    slow = normalize(spec, 80, 10, history, SETTINGS, NOW + 61)
    assert (slow.replicas, slow.limit[0]) == (72, "ScaleDownLimit")


def test_scaling_up_can_be_stabilized_too() -> None:
    spec, history = behavior(scaleUp={"stabilizationWindowSeconds": 60}), History()
    history.begin(2, NOW)
    assert normalize(spec, 2, 10, history, SETTINGS, NOW + 30).able[0] == "ScaleUpStabilized"
    assert normalize(spec, 2, 10, history, SETTINGS, NOW + 61).replicas == 6


def test_the_autoscaler_may_say_how_near_is_near_enough() -> None:
    given = autoscaler(behavior={"scaleUp": {"tolerance": "0.5"}})
    pods, metrics = [pod("a"), pod("b")], [used("a", "70m"), used("b", "70m")]
    assert evaluate(given.spec, 2, Readings(pods, metrics), SETTINGS, NOW).replicas == 2
    assert Tolerance(0.1, 0.1).covers(1.1)


@pytest.mark.parametrize(("window", "seconds"), [("15s", 15.0), ("1m0.5s", 60.5), ("9.105s", 9.105), ("odd", 0.0)])
def test_windows_are_go_durations(window: str, seconds: float) -> None:
    assert seconds_of(window) == pytest.approx(seconds)
