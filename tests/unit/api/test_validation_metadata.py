"""Metadata every object shares."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from api import defaults, validation
from api import types as t

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
GOOD = t.ObjectMeta(name="a", namespace="ns")


def created(meta: t.ObjectMeta) -> list[str]:
    return [str(error) for error in validation.create(t.ConfigMap(metadata=meta))]


def updated(new: t.ObjectMeta, old: t.ObjectMeta = GOOD) -> list[str]:
    return [str(error) for error in validation.update(t.ConfigMap(metadata=new), t.ConfigMap(metadata=old))]


def test_good_metadata() -> None:
    meta = replace(
        GOOD,
        labels={"app.kubernetes.io/name": "x", "empty": ""},
        annotations={"UPPER.example.com/Key": "any text"},
        finalizers=["example.com/keep", "kubernetes"],
        owner_references=[t.OwnerReference(api_version="v1", kind="Pod", name="p", uid="u", controller=True)],
    )
    assert created(meta) == []
    assert updated(meta) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "A_b"}, f'metadata.name: Invalid value: "A_b": {SUBDOMAIN}'),
        ({"name": ""}, "metadata.name: Required value: name or generateName is required"),
        ({"name": "a" * 254}, f'metadata.name: Invalid value: "{"a" * 254}": must be no more than 253 characters'),
        ({"generate_name": "A-"}, f'metadata.generateName: Invalid value: "A-": {SUBDOMAIN}'),
        ({"namespace": ""}, "metadata.namespace: Required value"),
        ({"generation": -1}, "metadata.generation: Invalid value: -1: must be greater than or equal to 0"),
        (
            {"annotations": {"a": "x" * 262144}},
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        (
            {"finalizers": ["mine"]},
            'metadata.finalizers[0]: Invalid value: "mine":'
            " name is neither a standard finalizer name nor is it fully qualified",
        ),
        (
            {"finalizers": ["orphan", "foregroundDeletion"]},
            'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]:'
            " finalizer orphan and foregroundDeletion cannot be both set",
        ),
        (
            {"owner_references": [t.OwnerReference(api_version="v1", kind="Pod", name="", uid="u")]},
            'metadata.ownerReferences.name: Invalid value: "": must not be empty',
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_metadata(changes: dict[str, object], expected: str) -> None:
    assert created(replace(GOOD, **changes)) == [expected]


def test_labels_say_what_is_wrong_with_key_and_value() -> None:
    errors = created(replace(GOOD, labels={"a b": "c", "x": "-", "a/b/c": "", "/n": "", "y": "v" * 64}))
    assert [error.split(": ")[2][:40] for error in errors]
    assert errors[0].startswith('metadata.labels: Invalid value: "a b": name part must consist of alphanumeric')
    assert errors[1].startswith('metadata.labels: Invalid value: "-": a valid label must be an empty string or')
    assert errors[2].startswith('metadata.labels: Invalid value: "a/b/c": a qualified name must consist of')
    assert errors[3] == 'metadata.labels: Invalid value: "/n": prefix part must be non-empty'
    assert errors[4].endswith("must be no more than 63 characters")


def test_only_one_owner_controls() -> None:
    owner = t.OwnerReference(api_version="v1", kind="Pod", name="p", uid="u", controller=True)
    (error,) = created(replace(GOOD, owner_references=[owner, replace(owner, name="q")]))
    assert error.endswith(
        'Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q'
    )


def test_a_prefix_may_end_in_a_dash() -> None:
    assert created(replace(GOOD, generate_name="web-")) == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (t.Service(metadata=t.ObjectMeta(name="a.b", namespace="n")), 'Invalid value: "a.b": must not contain dots'),
        (t.Namespace(metadata=t.ObjectMeta(name="a.b")), 'Invalid value: "a.b": must not contain dots'),
        (t.Role(metadata=t.ObjectMeta(name="a/b", namespace="n")), "Invalid value: \"a/b\": may not contain '/'"),
    ],
)
def test_names_depend_on_the_kind(record: t.Record, message: str) -> None:
    assert f"metadata.name: {message}" in [str(error) for error in validation.create(record)]


def test_a_services_name_may_start_with_a_digit() -> None:
    service = t.Service(
        metadata=t.ObjectMeta(name="1kubernetes", namespace="n"), spec=t.ServiceSpec(ports=[t.ServicePort(port=443)])
    )
    assert validation.create(defaults.apply(service)) == []


def test_rbac_names_are_path_segments() -> None:
    role = t.ClusterRole(metadata=t.ObjectMeta(name="system:controller:x"))
    assert validation.create(role) == []


def test_cluster_scoped_objects_have_no_namespace() -> None:
    errors = validation.create(t.Node(metadata=t.ObjectMeta(name="n", namespace="x")))
    assert [str(error) for error in errors] == ["metadata.namespace: Forbidden: not allowed on this type"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "b"}, "name"),
        ({"namespace": "other"}, "namespace"),
        ({"uid": "other"}, "uid"),
        ({"creation_timestamp": "2024-01-01T00:00:00Z"}, "creationTimestamp"),
        ({"deletion_timestamp": "2024-01-01T00:00:00Z"}, "deletionTimestamp"),
        ({"deletion_grace_period_seconds": 5}, "deletionGracePeriodSeconds"),
    ],
)
def test_identity_cannot_change(changes: dict[str, object], field: str) -> None:
    (error,) = updated(replace(GOOD, **changes))
    assert error.startswith(f"metadata.{field}: Invalid value: ")
    assert error.endswith(": field is immutable")


def test_generation_cannot_go_back() -> None:
    (error,) = updated(replace(GOOD, generation=1), replace(GOOD, generation=2))
    assert error == "metadata.generation: Invalid value: 1: must not be decremented"


def test_a_dying_object_takes_no_new_finalizers() -> None:
    dying = replace(GOOD, deletion_timestamp="2024-01-01T00:00:00Z", finalizers=["example.com/a"])
    assert updated(replace(dying, finalizers=[]), dying) == []
    (error,) = updated(replace(dying, finalizers=["example.com/a", "example.com/b"]), dying)
    assert error == (
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted,"
        ' found new finalizers []string{"example.com/b"}'
    )
