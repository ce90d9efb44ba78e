"""What people type: targets, changes, durations, conditions."""

from __future__ import annotations

import pytest

from podling.cli import durations, targets
from podling.cli.label import Changes, plan, split
from podling.cli.wait import parse_condition
from podling.errors import CommandError


def parsed(*words: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(target.resource.group_resource, target.names) for target in targets.parse(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pods"], [("pods", ())]),
        (["po", "a", "b"], [("pods", ("a", "b"))]),
        (["Deployment", "web"], [("deployments.apps", ("web",))]),
        (["deployments.apps/web", "svc/web"], [("deployments.apps", ("web",)), ("services", ("web",))]),
        (["deploy,svc"], [("deployments.apps", ()), ("services", ())]),
    ],
)
def test_targets(words: list[str], expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert parsed(*words) == expected


def test_all_is_a_category() -> None:
    names = [name for name, _ in parsed("all")]
    assert names == [
        "pods",
        "replicationcontrollers",
        "services",
        "daemonsets.apps",
        "deployments.apps",
        "replicasets.apps",
        "statefulsets.apps",
        "horizontalpodautoscalers.autoscaling",
        "cronjobs.batch",
        "jobs.batch",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name what you mean"),
        (["nonsense"], 'no resource type "nonsense"'),
        (["bindings"], "only answers requests"),
        (["pods,svc", "a"], "one type only"),
        (["pod/a", "b"], "cannot be mixed"),
        (["pod/"], "is not TYPE/NAME"),
        (["a/b/c"], "is not TYPE/NAME"),
    ],
)
def test_targets_that_make_no_sense(words: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        targets.parse(words)


def test_a_bare_word_is_a_name_where_a_type_is_understood() -> None:
    assert [(t.resource.kind, t.names) for t in targets.parse_named(["web-1"], "pod")] == [("Pod", ("web-1",))]
    assert [(t.resource.kind, t.names) for t in targets.parse_named(["deploy/web"], "pod")] == [
        ("Deployment", ("web",))
    ]
    assert [(t.resource.kind, t.names) for t in targets.parse_named(["pods"], "pod")] == [("Pod", ("pods",))]
    with pytest.raises(CommandError, match="name the deployment"):
        targets.parse_named(["deploy"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("500ms", 0.5), ("45", 45), ("0", 0), ("1.5s", 1.5)],
)
def test_durations(text: str, seconds: float) -> None:
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5x", "m", "-5s", "5 m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(CommandError, match="is not a duration"):
        durations.seconds(text)


def test_changes_follow_what_they_change() -> None:
    assert split(("pod", "a", "b", "x=1", "y=", "z-")) == Changes(("pod", "a", "b"), {"x": "1", "y": ""}, ("z",))
    assert split(("pods", "note=a=b")) == Changes(("pods",), {"note": "a=b"}, ())
    for words, says in (
        (("pod", "a"), "say what to change"),
        (("pod", "x=1", "a"), "neither KEY=VALUE nor KEY-"),
        (("pod", "x=1", "x-"), "set and removed"),
    ):
        with pytest.raises(CommandError, match=says):
            split(words)


def test_values_are_changed_only_when_told_to() -> None:
    changes = split(("pod", "a", "app=web", "new=1", "old-", "never-"))
    current = {"app": "db", "old": "x"}
    with pytest.raises(CommandError, match=r"'app' already has a value \(db\)"):
        plan(current, changes, overwrite=False)
    patch, missing = plan(current, changes, overwrite=True)
    assert patch == {"app": "web", "new": "1", "old": None}
    assert missing == ["never"]
    assert plan({"app": "web", "new": "1"}, changes, overwrite=False)[0] == {}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("condition=Ready", True),
        ("condition=ready=true", True),
        ("condition=Ready=False", False),
        ("condition=Available", False),
        ("jsonpath={.status.phase}=Running", True),
        ("jsonpath={.status.phase}=Pending", False),
        ("jsonpath={.status.phase}", True),
        ("jsonpath={.status.podIP}", False),
        ("jsonpath={.status.ready}=true", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    status = {"phase": "Running", "ready": True, "conditions": [{"type": "Ready", "status": "True"}]}
    assert parse_condition(text)({"status": status}) is holds


@pytest.mark.parametrize("text", ["ready", "condition=", "jsonpath=", "jsonpath=.x=1", "jsonpath={.a[}=1"])
def test_what_is_nothing_to_wait_for(text: str) -> None:
    with pytest.raises(CommandError):
        parse_condition(text)
