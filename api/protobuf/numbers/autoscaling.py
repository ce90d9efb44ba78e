"""Field numbers of autoscaling/v1."""

from __future__ import annotations

PACKAGE = "autoscaling/v1"

MESSAGES: dict[str, str] = {
    "CrossVersionObjectReference": "apiVersion=3 kind=1 name=2",
    "HorizontalPodAutoscaler": "metadata=1 spec=2 status=3",
    "HorizontalPodAutoscalerSpec": "maxReplicas=3 minReplicas=2 scaleTargetRef=1 targetCPUUtilizationPercentage=4",
    "HorizontalPodAutoscalerStatus": (
        "currentCPUUtilizationPercentage=5 currentReplicas=3 desiredReplicas=4 lastScaleTime=2 observedGeneration=1"
    ),
    "Scale": "metadata=1 spec=2 status=3",
    "ScaleSpec": "replicas=1",
    "ScaleStatus": "replicas=1 selector=2",
}
