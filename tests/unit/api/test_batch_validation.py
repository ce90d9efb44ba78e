"""Jobs, CronJobs and ReplicationControllers: defaults, what makes them invalid, and what of them may not change."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults, scheme, validation
from apiserver.registry.strategies.batch import JobStrategy

POD = {"containers": [{"name": "c", "image": "a"}], "restartPolicy": "Never"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD}
INDEXED = {"completionMode": "Indexed", "completions": 5}


def build(kind: str, **fields: Any) -> Any:
    resource = scheme.find(kind)
    metadata = {"name": "x", "namespace": "ns", "uid": "u", **fields.pop("metadata", {})}
    return defaults.apply(codec.from_tree(resource.record, {"metadata": metadata, **fields}))


def job(metadata: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **spec: Any) -> Any:
    """As it is stored: with the selector that creation generates."""
    record = build("Job", metadata=metadata or {}, spec={"template": TEMPLATE, **spec})
    record = JobStrategy(scheme.find("jobs")).prepare_create(record)
    if status is None:
        return record
    return replace(record, status=codec.from_tree(type(record.status), status))


def cron_job(name: str = "x", **spec: Any) -> Any:
    fields = {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}, **spec}
    return build("CronJob", metadata={"name": name}, spec=fields)


def created(record: Any) -> list[str]:
    return [str(error) for error in validation.create(record)]


def updated(new: Any, old: Any) -> list[str]:
    return [str(error) for error in validation.update(new, old)]


def status_updated(new: dict[str, Any], old: dict[str, Any], **spec: Any) -> list[str]:
    return [str(error) for error in validation.update_status(job(status=new, **spec), job(status=old, **spec))]


# Defaults


def test_a_job_s_defaults():
    spec = job().spec
    assert (spec.completions, spec.parallelism, spec.backoff_limit) == (1, 1, 6)
    assert (spec.completion_mode, spec.suspend, spec.manual_selector) == ("NonIndexed", False, False)
    assert spec.pod_replacement_policy == "TerminatingOrFailed"
    assert job(parallelism=3).spec.completions is None
    assert job(completions=3).spec.parallelism == 1
    assert job(**INDEXED, backoffLimitPerIndex=1).spec.backoff_limit == 2**31 - 1


def test_a_failure_policy_makes_replacements_wait_and_conditions_true():
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    spec = job(podFailurePolicy={"rules": rules}).spec
    assert spec.pod_replacement_policy == "Failed"
    assert spec.pod_failure_policy.rules[0].on_pod_conditions[0].status == "True"


def test_a_job_without_labels_takes_those_of_its_template():
    assert build("Job", spec={"template": TEMPLATE}).metadata.labels == {"a": "b"}
    assert build("Job", metadata={"labels": {"own": "one"}}, spec={"template": TEMPLATE}).metadata.labels == {
        "own": "one"
    }


def test_a_cron_job_s_defaults_leave_its_jobs_alone():
    spec = cron_job().spec
    assert (spec.concurrency_policy, spec.suspend) == ("Allow", False)
    assert (spec.successful_jobs_history_limit, spec.failed_jobs_history_limit) == (3, 1)
    assert spec.job_template.spec.completions is None
    assert spec.job_template.spec.template.spec.dns_policy == "ClusterFirst"


def test_a_replication_controller_selects_by_its_template():
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": POD["containers"]}}
    record = build("ReplicationController", spec={"template": template})
    assert (record.spec.replicas, record.spec.selector, record.metadata.labels) == (1, {"a": "b"}, {"a": "b"})
    assert created(record) == []


# The selector


def test_pods_are_selected_by_the_job_s_uid():
    made = job()
    assert made.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": "u"}
    assert made.spec.template.metadata.labels == {
        "a": "b",
        "batch.kubernetes.io/controller-uid": "u",
        "batch.kubernetes.io/job-name": "x",
        "controller-uid": "u",
        "job-name": "x",
    }
    assert created(made) == []


def test_a_selector_of_one_s_own_must_be_meant():
    assert "spec.selector: Invalid value" in created(job(selector={"matchLabels": {"a": "b"}}))[0]
    assert created(job(manualSelector=True, selector={"matchLabels": {"a": "b"}})) == []
    assert created(job(manualSelector=True)) == ["spec.selector: Required value"]
    assert created(job(manualSelector=True, selector={"matchLabels": {"a": "c"}})) == [
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'
    ]


def test_labels_that_pretend_to_be_generated_are_refused():
    template = {"metadata": {"labels": {"job-name": "other"}}, "spec": POD}
    errors = created(job(template=template))
    assert errors[0].startswith("spec.template.metadata.labels[batch.kubernetes.io/job-name]: Required value: must be")
    assert errors[1].endswith("must be 'x'")


# Specs

RULE = {"onExitCodes": {"operator": "In", "values": [1]}}


def failure_policy(**rule: Any) -> dict[str, Any]:
    return {"podFailurePolicy": {"rules": [rule]}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"parallelism": -1}, ["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"activeDeadlineSeconds": -1},
            ["spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            {"completionMode": "Other"},
            ['spec.completionMode: Unsupported value: "Other": supported values: "Indexed", "NonIndexed"'],
        ),
        (
            {"completionMode": "Indexed", "parallelism": 2},
            ["spec.completions: Required value: when completion mode is Indexed"],
        ),
        (
            {"backoffLimitPerIndex": 1},
            ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
        ),
        (
            {**INDEXED, "maxFailedIndexes": 1},
            ["spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"],
        ),
        (
            {**INDEXED, "backoffLimitPerIndex": 1, "maxFailedIndexes": 6},
            ["spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions"],
        ),
        (
            {"completionMode": "Indexed", "completions": 100_001, "backoffLimitPerIndex": 1},
            ["spec.maxFailedIndexes: Required value: must be specified when completions is above 100000"],
        ),
        (
            {"template": {"spec": {**POD, "restartPolicy": "Always"}}},
            ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
        ),
        (
            {"managedBy": "me"},
            ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
        ),
        ({"managedBy": "example.com/me"}, []),
        (
            {"podReplacementPolicy": "Never"},
            [
                'spec.podReplacementPolicy: Unsupported value: "Never":'
                ' supported values: "Failed", "TerminatingOrFailed"'
            ],
        ),
        (
            {"podReplacementPolicy": "TerminatingOrFailed", **failure_policy(action="FailJob", **RULE)},
            ['spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'],
        ),
        (failure_policy(action="FailJob", **RULE), []),
        (
            failure_policy(action="FailIndex", **RULE),
            [
                'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex":'
                " requires the backoffLimitPerIndex to be set"
            ],
        ),
        (
            failure_policy(action="FailJob"),
            [
                "spec.podFailurePolicy.rules[0]: Invalid value:"
                " specifying one of OnExitCodes and OnPodConditions is required"
            ],
        ),
        (
            failure_policy(action="FailJob", onExitCodes={"operator": "In", "values": [3, 0, 3]}),
            [
                "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0:"
                " must not be 0 for the In operator",
                "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3",
                "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered",
            ],
        ),
        (
            failure_policy(action="FailJob", onExitCodes={"containerName": "z", "operator": "In", "values": [3]}),
            [
                'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "z":'
                " must be one of the container or initContainer names in the pod template"
            ],
        ),
        (
            {"template": {"spec": {**POD, "restartPolicy": "OnFailure"}}, **failure_policy(action="FailJob", **RULE)},
            [
                'spec.template.spec.restartPolicy: Invalid value: "OnFailure":'
                ' only "Never" is supported when podFailurePolicy is specified'
            ],
        ),
        (
            {**INDEXED, "successPolicy": {"rules": []}},
            [
                "spec.successPolicy.rules: Required value:"
                " at least one rules must be specified when the successPolicy is specified"
            ],
        ),
        (
            {**INDEXED, "successPolicy": {"rules": [{"succeededIndexes": "0,7"}]}},
            [
                'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0,7":'
                ' error parsing succeededIndexes: too large index: "7"'
            ],
        ),
        (
            {**INDEXED, "successPolicy": {"rules": [{"succeededIndexes": "0-1", "succeededCount": 3}]}},
            [
                "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2"
                " (the number of indexes in the specified succeededIndexes field)"
            ],
        ),
    ],
)
def test_an_impossible_job_is_refused(spec, expected):
    assert created(job(**spec)) == expected


def test_the_pods_of_an_indexed_job_must_have_valid_host_names():
    assert created(job({"name": "a" * 61}, **INDEXED)) == []
    name = "a" * 62
    assert created(job({"name": name}, **INDEXED)) == [
        f'metadata.name: Invalid value: "{name}": will not able to create pod with invalid DNS label: {name}-4'
    ]


# Changes


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ({"completions": 2}, {"completions": 3}, "spec.completions"),
        ({**INDEXED}, {"completionMode": "NonIndexed", "completions": 5}, "spec.completionMode"),
        ({}, {"template": {"metadata": {"labels": {"a": "z"}}, "spec": POD}}, "spec.template"),
        ({}, {"managedBy": "a.b/c"}, "spec.managedBy"),
        ({}, failure_policy(action="FailJob", **RULE), "spec.podFailurePolicy"),
        (INDEXED, {**INDEXED, "successPolicy": {"rules": [{"succeededCount": 1}]}}, "spec.successPolicy"),
        (INDEXED, {**INDEXED, "backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex"),
    ],
)
def test_some_fields_of_a_job_never_change(before, after, field):
    errors = updated(job(**after), job(**before))
    assert [error.partition(":")[0] for error in errors] == [field]
    assert errors[0].endswith("field is immutable")


def test_an_indexed_job_is_elastic_in_tandem():
    five = job(**INDEXED, parallelism=5)
    assert updated(job(completionMode="Indexed", completions=8, parallelism=8), five) == []
    assert updated(job(completionMode="Indexed", completions=8, parallelism=5), five) == [
        "spec.completions: Invalid value: 8: can only be modified in tandem with spec.parallelism"
    ]
    assert updated(job(parallelism=9, completions=1, suspend=True, activeDeadlineSeconds=3), job()) == []


def test_where_a_job_that_has_not_begun_runs_may_change():
    moved = {"metadata": {"labels": {"a": "b"}}, "spec": {**POD, "nodeSelector": {"disk": "ssd"}}}
    assert updated(job(suspend=False, template=moved), job(suspend=True)) == []
    assert "field is immutable" in updated(job(template=moved), job())[0]
    begun = {"startTime": "2024-01-01T00:00:00Z"}
    assert "field is immutable" in updated(job(suspend=True, template=moved), job(suspend=True, status=begun))[0]
    held = {**begun, "conditions": [{"type": "Suspended", "status": "True"}]}
    assert updated(job(suspend=True, template=moved), job(suspend=True, status=held)) == []


# The status

STARTED = {"startTime": "2024-01-01T00:00:00Z"}


def true(*types: str) -> dict[str, Any]:
    return {**STARTED, "conditions": [{"type": type_, "status": "True"} for type_ in types]}


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ({"failed": 1}, {"failed": 2}, "status.failed: Invalid value: 1: cannot decrease the failed counter"),
        (
            {"succeeded": 1},
            {"succeeded": 2},
            "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter",
        ),
        (
            STARTED,
            true("FailureTarget"),
            "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition",
        ),
        (
            true("Failed"),
            STARTED,
            "status.conditions: Invalid value:"
            " cannot set Failed=True condition without the FailureTarget=true condition",
        ),
        (
            true("SuccessCriteriaMet", "Complete"),
            STARTED,
            "status.completionTime: Required value: completionTime is required for Complete jobs",
        ),
        (
            {**true("FailureTarget", "Failed"), "active": 1},
            STARTED,
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
        ),
        (
            {"startTime": "2024-01-02T00:00:00Z"},
            STARTED,
            "status.startTime: Required value: startTime cannot be modified for unsuspended job",
        ),
        (
            {"completedIndexes": "0"},
            {},
            'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed'
            " completion mode",
        ),
        ({"ready": 2, "active": 1}, {}, "status.ready: Invalid value: 2: cannot set more ready pods than active"),
        (
            {"uncountedTerminatedPods": {"succeeded": ["a"], "failed": ["a"]}},
            {},
            'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
        ),
    ],
)
def test_a_status_that_cannot_be_is_refused(new, old, expected):
    assert status_updated(new, old) == [expected]


def test_any_status_that_tells_a_true_story_is_taken():
    done = {**true("SuccessCriteriaMet", "Complete"), "completionTime": "2024-01-01T00:01:00Z", "succeeded": 1}
    assert status_updated(done, STARTED) == []
    assert status_updated(true("FailureTarget", "Failed"), true("FailureTarget")) == []
    assert status_updated(true("SomebodysOwn"), STARTED) == []
    assert status_updated({"completedIndexes": "0-1", "succeeded": 2}, {"succeeded": 4}, **INDEXED, parallelism=5) == []


# CronJobs


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"schedule": ""}, ["spec.schedule: Required value"]),
        ({"schedule": "bad"}, ['spec.schedule: Invalid value: "bad": expected exactly 5 fields, found 1: [bad]']),
        ({"schedule": "@every 1h"}, []),
        (
            {"schedule": "TZ=UTC 0 * * * *"},
            [
                'spec.schedule: Invalid value: "TZ=UTC 0 * * * *":'
                " cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            ],
        ),
        ({"timeZone": "Europe/Berlin"}, []),
        ({"timeZone": ""}, ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']),
        (
            {"timeZone": "Mars/Olympus"},
            ['spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'],
        ),
        (
            {"concurrencyPolicy": "Maybe"},
            ['spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"'],
        ),
        (
            {"startingDeadlineSeconds": -1},
            ["spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            {"jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "Always"}}}}},
            ['spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
        ),
    ],
)
def test_an_impossible_cron_job_is_refused(spec, expected):
    assert created(cron_job(**spec)) == expected


def test_a_cron_job_s_name_leaves_room_for_those_of_its_jobs():
    assert created(cron_job("a" * 52)) == []
    assert created(cron_job("a" * 53)) == [
        f'metadata.name: Invalid value: "{"a" * 53}": must be no more than 52 characters'
    ]


def test_a_zone_within_a_stored_schedule_may_stay():
    old = cron_job(schedule="TZ=UTC 0 * * * *")
    assert updated(cron_job(schedule="TZ=UTC 5 * * * *"), old) == []
    assert updated(cron_job(schedule="TZ=UTC 5 * * * *", timeZone="UTC"), old) == [
        'spec.schedule: Invalid value: "TZ=UTC 5 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule'
    ]


# ReplicationControllers


def test_an_impossible_replication_controller_is_refused():
    template = {"metadata": {"labels": {"a": "b"}}, "spec": POD}
    assert created(build("ReplicationController", spec={})) == [
        "spec.selector: Required value",
        "spec.template: Required value",
    ]
    assert created(build("ReplicationController", spec={"selector": {"a": "c"}, "template": template})) == [
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ]
