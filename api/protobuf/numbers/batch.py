"""Field numbers of batch/v1."""

from __future__ import annotations

PACKAGE = "batch/v1"

MESSAGES: dict[str, str] = {
    "CronJob": "metadata=1 spec=2 status=3",
    "CronJobSpec": (
        "concurrencyPolicy=3 failedJobsHistoryLimit=7 jobTemplate=5 schedule=1 startingDeadlineSeconds=2 "
        "successfulJobsHistoryLimit=6 suspend=4 timeZone=8"
    ),
    "CronJobStatus": "active=1 lastScheduleTime=4 lastSuccessfulTime=5",
    "Job": "metadata=1 spec=2 status=3",
    "JobCondition": "lastProbeTime=3 lastTransitionTime=4 message=6 reason=5 status=2 type=1",
    "JobSpec": (
        "activeDeadlineSeconds=3 backoffLimit=7 completions=2 manualSelector=5 parallelism=1 selector=4 "
        "template=6 ttlSecondsAfterFinished=8 completionMode=9 suspend=10 podFailurePolicy=11 "
        "backoffLimitPerIndex=12 maxFailedIndexes=13 podReplacementPolicy=14 managedBy=15 successPolicy=16"
    ),
    "JobStatus": (
        "active=4 completionTime=3 conditions=1 failed=6 startTime=2 succeeded=5 completedIndexes=7 "
        "uncountedTerminatedPods=8 ready=9 failedIndexes=10 terminating=11"
    ),
    "JobTemplateSpec": "metadata=1 spec=2",
    "PodFailurePolicy": "rules=1",
    "PodFailurePolicyOnExitCodesRequirement": "containerName=1 operator=2 values=3",
    "PodFailurePolicyOnPodConditionsPattern": "type=1 status=2",
    "PodFailurePolicyRule": "action=1 onExitCodes=2 onPodConditions=3",
    "SuccessPolicy": "rules=1",
    "SuccessPolicyRule": "succeededIndexes=1 succeededCount=2",
    "UncountedTerminatedPods": "succeeded=1 failed=2",
}
