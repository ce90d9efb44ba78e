"""Field numbers of autoscaling/v2."""

from __future__ import annotations

PACKAGE = "autoscaling/v2"

MESSAGES: dict[str, str] = {
    "ContainerResourceMetricSource": "container=3 name=1 target=2",
    "ContainerResourceMetricStatus": "container=3 current=2 name=1",
    "CrossVersionObjectReference": "apiVersion=3 kind=1 name=2",
    "ExternalMetricSource": "metric=1 target=2",
    "ExternalMetricStatus": "current=2 metric=1",
    "HPAScalingPolicy": "periodSeconds=3 type=1 value=2",
    "HPAScalingRules": "policies=2 selectPolicy=1 stabilizationWindowSeconds=3 tolerance=4",
    "HorizontalPodAutoscaler": "metadata=1 spec=2 status=3",
    "HorizontalPodAutoscalerBehavior": "scaleDown=2 scaleUp=1",
    "HorizontalPodAutoscalerCondition": "lastTransitionTime=3 message=5 reason=4 status=2 type=1",
    "HorizontalPodAutoscalerSpec": "behavior=5 maxReplicas=3 metrics=4 minReplicas=2 scaleTargetRef=1",
    "HorizontalPodAutoscalerStatus": (
        "conditions=6 currentMetrics=5 currentReplicas=3 desiredReplicas=4 lastScaleTime=2 observedGeneration=1"
    ),
    "MetricIdentifier": "name=1 selector=2",
    "MetricSpec": "containerResource=7 external=5 object=2 pods=3 resource=4 type=1",
    "MetricStatus": "containerResource=7 external=5 object=2 pods=3 resource=4 type=1",
    "MetricTarget": "averageUtilization=4 averageValue=3 type=1 value=2",
    "MetricValueStatus": "averageUtilization=3 averageValue=2 value=1",
    "ObjectMetricSource": "describedObject=1 metric=3 target=2",
    "ObjectMetricStatus": "current=2 describedObject=3 metric=1",
    "PodsMetricSource": "metric=1 target=2",
    "PodsMetricStatus": "current=2 metric=1",
    "ResourceMetricSource": "name=1 target=2",
    "ResourceMetricStatus": "current=2 name=1",
}
