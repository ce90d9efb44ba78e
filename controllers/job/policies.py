"""A Job's policies applied: what a failed pod counts for, whether enough indexes have succeeded.

Source: Kubernetes' documentation "Pod failure policy" and "Success policy".
"""

from __future__ import annotations

from dataclasses import dataclass

from api.index_sets import IndexSet
from api.types import (
    ContainerStatus,
    Job,
    Pod,
    PodCondition,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicy,
)

IGNORE, COUNT, FAIL_JOB, FAIL_INDEX = "Ignore", "Count", "FailJob", "FailIndex"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed pod counts for. `action`: of the rule it matched, or ""; `message`: why the Job fails, or ""."""

    action: str = ""
    message: str = ""

    @property
    def counts(self) -> bool:
        """Towards the back-off limit."""
        return self.action != IGNORE


def judge_failure(job: Job, pod: Pod) -> Failure:
    """The first rule that the failed pod matches decides."""
    policy = job.spec.pod_failure_policy
    for index, rule in enumerate(policy.rules if policy is not None else ()):
        found = _match(rule, pod)
        if found is None:
            continue
        if rule.action != FAIL_JOB:
            return Failure(rule.action)
        where = f"{pod.metadata.namespace}/{pod.metadata.name}"
        matching = f"matching {rule.action} rule at index {index}"
        if isinstance(found, PodCondition):
            return Failure(rule.action, f"Pod {where} has condition {found.type} {matching}")
        code = _exit_code(found)
        return Failure(rule.action, f"Container {found.name} for pod {where} failed with exit code {code} {matching}")
    return Failure()


def _match(rule: PodFailurePolicyRule, pod: Pod) -> ContainerStatus | PodCondition | None:
    if rule.on_exit_codes is not None:
        statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
        return next((status for status in statuses if _exited(rule.on_exit_codes, status)), None)
    wanted = {(pattern.type, pattern.status) for pattern in rule.on_pod_conditions}
    return next((each for each in pod.status.conditions if (each.type, each.status) in wanted), None)


def _exited(requirement: PodFailurePolicyOnExitCodesRequirement, status: ContainerStatus) -> bool:
    if requirement.container_name is not None and requirement.container_name != status.name:
        return False
    code = _exit_code(status)
    if not code:
        return False  # has not ended, or not failed
    return (code in requirement.values) == (requirement.operator == "In")


def _exit_code(status: ContainerStatus) -> int | None:
    terminated = status.state.terminated if status.state is not None else None
    return None if terminated is None else terminated.exit_code


def met_success_rule(policy: SuccessPolicy | None, completions: int, succeeded: IndexSet) -> int | None:
    """The place of the first rule that the succeeded indexes satisfy."""
    if policy is None or not len(succeeded):
        return None
    for place, rule in enumerate(policy.rules):
        count = len(succeeded)
        wanted = rule.succeeded_count
        if rule.succeeded_indexes is not None:
            required = IndexSet.read(rule.succeeded_indexes, completions)
            count = required.common(succeeded)
            wanted = len(required) if wanted is None else wanted
        if wanted is not None and count >= wanted:
            return place
    return None
