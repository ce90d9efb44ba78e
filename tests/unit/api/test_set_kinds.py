"""StatefulSets, DaemonSets and ControllerRevisions: defaults, validation, generations, table cells."""

import copy
from types import SimpleNamespace

import pytest

from api import codec, defaults, tables, validation
from api.scheme import by_kind
from apiserver.registry.strategies.sets import DaemonSetStrategy

TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "busybox"}], "nodeSelector": {"disk": "ssd"}},
}
NOW = 1_700_000_000.0
FIXED = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
NO_MATCH = "`selector` does not match template `labels`"


def record(kind, tree):
    return defaults.apply(codec.from_tree(by_kind("apps/v1", kind).record, tree))


def workload(kind, status=None, name="web", **spec):
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": copy.deepcopy(TEMPLATE), **spec}
    spec = {key: value for key, value in spec.items() if value is not None}
    metadata = {"name": name, "namespace": "default", "uid": "u", "resourceVersion": "1"}
    return record(kind, {"metadata": metadata, "spec": spec, "status": status or {}})


def found(errors):
    return [(error.field, error.detail) for error in errors]


def test_what_nobody_said_of_a_stateful_set():
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    spec = codec.to_tree(workload("StatefulSet", volumeClaimTemplates=[claim]))["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"], spec["revisionHistoryLimit"]) == (1, "OrderedReady", 10)
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert spec["volumeClaimTemplates"][0]["spec"]["volumeMode"] == "Filesystem"
    assert spec["volumeClaimTemplates"][0]["status"] == {"phase": "Pending"}


def test_what_nobody_said_of_a_daemon_set():
    spec = codec.to_tree(workload("DaemonSet"))["spec"]
    assert spec["revisionHistoryLimit"] == 10
    assert spec["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }
    on_delete = codec.to_tree(workload("DaemonSet", updateStrategy={"type": "OnDelete"}))["spec"]
    assert on_delete["updateStrategy"] == {"type": "OnDelete"}


def strategy(type_="RollingUpdate", **rolling):
    return {"updateStrategy": {"type": type_, **({"rollingUpdate": rolling} if rolling else {})}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"podManagementPolicy": "x"}, [("spec.podManagementPolicy", "must be 'OrderedReady' or 'Parallel'")]),
        (strategy("x"), [("spec.updateStrategy", "must be 'RollingUpdate' or 'OnDelete'")]),
        (
            strategy("OnDelete", partition=1),
            [("spec.updateStrategy.rollingUpdate", "only allowed for updateStrategy 'RollingUpdate'")],
        ),
        (
            strategy(partition=-1),
            [("spec.updateStrategy.rollingUpdate.partition", "must be greater than or equal to 0")],
        ),
        (strategy(maxUnavailable=0), [("spec.updateStrategy.rollingUpdate.maxUnavailable", "cannot be 0")]),
        (
            strategy(maxUnavailable="101%"),
            [("spec.updateStrategy.rollingUpdate.maxUnavailable", "must not be greater than 100%")],
        ),
        ({"replicas": -1}, [("spec.replicas", "must be greater than or equal to 0")]),
        ({"ordinals": {"start": -1}}, [("spec.ordinals.start", "must be greater than or equal to 0")]),
        (
            {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "x"}},
            [("spec.persistentVolumeClaimRetentionPolicy.whenDeleted", 'supported values: "Retain", "Delete"')],
        ),
        ({"selector": None}, [("spec.selector", ""), ("spec.template.metadata.labels", NO_MATCH)]),
        ({"selector": {}}, [("spec.selector", "empty selector is invalid for statefulset")]),
        ({"selector": {"matchLabels": {"app": "x"}}}, [("spec.template.metadata.labels", NO_MATCH)]),
    ],
)
def test_an_impossible_stateful_set_is_refused(spec, expected):
    assert found(validation.create(workload("StatefulSet", **spec))) == expected


def test_a_stateful_sets_name_must_make_host_names():
    assert [error.field for error in validation.create(workload("StatefulSet", name="a.b"))] == ["metadata.name"]


def test_some_of_a_stateful_set_stays_as_it_is():
    old = workload("StatefulSet")
    changes = {"replicas": 5, "ordinals": {"start": 2}, "minReadySeconds": 3, "revisionHistoryLimit": 1}
    assert validation.update(workload("StatefulSet", **changes, **strategy("OnDelete")), old) == []
    for change in ({"serviceName": "x"}, {"podManagementPolicy": "Parallel"}, {"volumeClaimTemplates": [{}]}):
        assert found(validation.update(workload("StatefulSet", **change), old)) == [("spec", FIXED)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        (
            strategy(maxUnavailable=1, maxSurge=1),
            [("spec.updateStrategy.rollingUpdate.maxSurge", "may not be set when maxUnavailable is non-zero")],
        ),
        (
            strategy(maxUnavailable=0, maxSurge="0%"),
            [("spec.updateStrategy.rollingUpdate.maxUnavailable", "cannot be 0 when maxSurge is 0")],
        ),
        (
            strategy(maxUnavailable="150%"),
            [("spec.updateStrategy.rollingUpdate.maxUnavailable", "must not be greater than 100%")],
        ),
        ({"selector": None}, [("spec.template.metadata.labels", NO_MATCH)]),
        ({"selector": {}}, [("spec.selector", "empty selector is invalid for daemonset")]),
        ({"minReadySeconds": -1}, [("spec.minReadySeconds", "must be greater than or equal to 0")]),
    ],
)
def test_an_impossible_daemon_set_is_refused(spec, expected):
    assert found(validation.create(workload("DaemonSet", **spec))) == expected


def test_a_daemon_sets_selector_stays():
    old = workload("DaemonSet")
    template = copy.deepcopy(TEMPLATE)
    template["metadata"]["labels"]["a"] = "b"
    new = workload("DaemonSet", selector={"matchLabels": {"a": "b"}}, template=template)
    assert found(validation.update(new, old)) == [("spec.selector", "field is immutable")]


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("StatefulSet", {"replicas": 1, "readyReplicas": 2}, ["status.readyReplicas"]),
        ("StatefulSet", {"replicas": 2, "readyReplicas": 1, "availableReplicas": 2}, ["status.availableReplicas"]),
        ("StatefulSet", {"replicas": 1, "collisionCount": 0}, ["status.collisionCount"]),
        ("DaemonSet", {"numberReady": -1, "collisionCount": 1}, ["status.numberReady"]),
    ],
)
def test_a_status_makes_sense(kind, status, expected):
    old = workload(kind, {"collisionCount": 1})
    errors = validation.update_status(workload(kind, {"collisionCount": 1, **status}), old)
    assert [error.field for error in errors] == expected


def revision(**fields):
    return record(
        "ControllerRevision",
        {"metadata": {"name": "r", "namespace": "default", "uid": "u", "resourceVersion": "1"}, **fields},
    )


def test_a_revisions_data_is_an_object_that_stays():
    good = revision(revision=1, data={"a": 1})
    assert validation.create(good) == []
    assert found(validation.create(revision(revision=-1))) == [
        ("revision", "must be greater than or equal to 0"),
        ("data", "data is mandatory"),
    ]
    assert found(validation.create(revision(revision=1, data=[]))) == [("data", "data must be a valid JSON object")]
    assert validation.update(revision(revision=2, data={"a": 1}), good) == []
    assert found(validation.update(revision(revision=1, data={"a": 2}), good)) == [("data", "field is immutable")]


def cells(made):
    resource = by_kind("apps/v1", type(made).__name__)
    return tables.render(resource, [made], NOW)["rows"][0]["cells"]


def test_tables():
    assert cells(workload("StatefulSet", {"readyReplicas": 2}, replicas=3)) == [
        "web", "2/3", "<unknown>", "c", "busybox",
    ]  # fmt: skip
    status = {"desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2}
    assert cells(workload("DaemonSet", {**status, "numberAvailable": 1})) == [
        "web", 5, 4, 3, 2, 1, "disk=ssd", "<unknown>", "c", "busybox", "app=web",
    ]  # fmt: skip
    owned = revision(revision=7, data={})
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "web", "uid": "u", "controller": True}
    tree = codec.to_tree(owned)
    tree["metadata"]["ownerReferences"] = [owner]
    assert cells(record("ControllerRevision", tree)) == ["r", "daemonset.apps/web", "7", "<unknown>"]


def test_an_annotation_counts_the_changes_of_a_daemon_sets_template():
    made = DaemonSetStrategy(SimpleNamespace(subresources=(SimpleNamespace(name="status"),)))
    first = made.prepare_create(workload("DaemonSet"))
    assert first.metadata.annotations == {"deprecated.daemonset.template.generation": "1"}
    assert first.metadata.generation == 1
    same = made.prepare_update(workload("DaemonSet", minReadySeconds=1), first)
    assert same.metadata.annotations["deprecated.daemonset.template.generation"] == "1"
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["hostNetwork"] = True
    changed = made.prepare_update(workload("DaemonSet", template=template), same)
    assert changed.metadata.annotations["deprecated.daemonset.template.generation"] == "2"
    status = made.prepare_status(workload("DaemonSet", {"numberReady": 1}), changed)
    assert status.metadata.annotations["deprecated.daemonset.template.generation"] == "2"
