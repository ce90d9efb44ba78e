"""Names, system fields, and request bodies: what is filled in and what is refused."""

from __future__ import annotations

import re

import pytest

from api import scheme
from api.errors import BadRequest, Conflict, Invalid, StatusError
from api.types import ConfigMap, Node, ObjectMeta
from apiserver.registry import bodies, metadata
from apiserver.registry.bodies import Kind

CONFIG_MAPS = scheme.find("configmaps")
KIND = Kind(ConfigMap, "v1", "ConfigMap")


def named(**fields: object) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(**fields))


def test_the_requests_namespace_is_filled_in() -> None:
    assert metadata.in_namespace(named(name="a"), CONFIG_MAPS, "default").metadata.namespace == "default"
    with pytest.raises(BadRequest, match="does not match the namespace sent on the request"):
        metadata.in_namespace(named(name="a", namespace="other"), CONFIG_MAPS, "default")


def test_cluster_scoped_objects_lose_a_namespace() -> None:
    node = Node(metadata=ObjectMeta(name="n", namespace="default"))
    assert metadata.in_namespace(node, scheme.find("nodes"), "").metadata.namespace == ""


def test_a_name_or_a_generate_name_is_needed() -> None:
    metadata.require_place(named(generate_name="a-", namespace="default"), CONFIG_MAPS)
    with pytest.raises(Invalid, match=r"metadata.name: Required value: name or generateName is required"):
        metadata.require_place(named(namespace="default"), CONFIG_MAPS)
    with pytest.raises(BadRequest, match="an empty namespace may not be set during creation"):
        metadata.require_place(named(name="a"), CONFIG_MAPS)
    metadata.require_place(Node(metadata=ObjectMeta(name="n")), scheme.find("nodes"))


def test_generated_names_fit_and_avoid_words() -> None:
    for base in ("web-", "x" * 70):
        name = metadata.generated_name(base)
        assert len(name) <= 63
        assert re.fullmatch(r".*[bcdfghjklmnpqrstvwxz2456789]{5}", name)
    assert len({metadata.generated_name("a-") for _ in range(100)}) == 100


def test_what_is_created_has_never_been_stored() -> None:
    with pytest.raises(StatusError, match="resourceVersion should not be set on objects to be created"):
        metadata.created(ObjectMeta(name="a", resource_version="5"), "a", 0)
    made = metadata.created(ObjectMeta(uid="mine", deletion_timestamp="2020-01-01T00:00:00Z", generation=7), "a", 0)
    assert made.uid != "mine"
    assert (made.deletion_timestamp, made.generation) == (None, 0)
    assert made.creation_timestamp == "1970-01-01T00:00:00Z"


def test_uids_are_random_version_4() -> None:
    uids = {metadata.new_uid() for _ in range(1000)}
    assert len(uids) == 1000
    form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(form.fullmatch(uid) for uid in uids)


def test_an_update_keeps_what_only_the_system_may_change() -> None:
    old = ObjectMeta(
        name="a",
        uid="u",
        generation=3,
        creation_timestamp="2020-01-01T00:00:00Z",
        deletion_timestamp="2020-01-02T00:00:00Z",
        deletion_grace_period_seconds=0,
    )
    given = ObjectMeta(name="a", generation=9, resource_version="4", self_link="/a", labels={"x": "y"})
    new = metadata.updated(given, old)
    assert new.labels == {"x": "y"}
    assert (new.resource_version, new.self_link) == ("", "")
    for field in ("uid", "generation", "creation_timestamp", "deletion_timestamp", "deletion_grace_period_seconds"):
        assert getattr(new, field) == getattr(old, field)


def test_a_stale_update_is_a_conflict_in_upstreams_words() -> None:
    old = ObjectMeta(name="a", uid="u")
    for same in ("", "0", "7"):
        metadata.check_update(CONFIG_MAPS, "/k", ObjectMeta(resource_version=same), old, 7)
    with pytest.raises(Conflict) as refused:
        metadata.check_update(CONFIG_MAPS, "/k", ObjectMeta(resource_version="6"), old, 7)
    assert refused.value.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_an_update_meant_for_a_former_object_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="Precondition failed: UID in precondition: v, UID in object meta: u"):
        metadata.check_update(CONFIG_MAPS, "/k", ObjectMeta(uid="v"), ObjectMeta(name="a", uid="u"), 7)


def test_kind_and_version_may_be_left_out() -> None:
    record, _ = bodies.decode(KIND, b'{"metadata":{"name":"a"}}', "")
    assert (record.api_version, record.kind) == ("v1", "ConfigMap")


@pytest.mark.parametrize("validation", ["Ignore", "Warn", "Strict", ""])
def test_another_kind_is_refused(validation: str) -> None:
    with pytest.raises(BadRequest, match='Secret in version "v1" cannot be handled as a ConfigMap'):
        bodies.decode(KIND, b'{"apiVersion":"v1","kind":"Secret"}', validation)
    with pytest.raises(BadRequest, match=r"API version in the data \(apps/v1\) does not match"):
        bodies.decode(KIND, b'{"apiVersion":"apps/v1","kind":"ConfigMap"}', validation)


BODY = b'{"metadata":{"name":"a","name":"b","lables":{}},"data":{"k":"v"},"spec":1}'


def test_unknown_and_duplicate_fields() -> None:
    assert bodies.decode(KIND, BODY, "Ignore")[1] == ()
    expected = (
        'duplicate field "metadata.name"',
        'unknown field "metadata.lables"',
        'unknown field "spec"',
    )
    for validation in ("Warn", ""):
        record, warnings = bodies.decode(KIND, BODY, validation)
        assert warnings == expected
        assert record.metadata.name == "b"
    with pytest.raises(BadRequest) as refused:
        bodies.decode(KIND, BODY, "Strict")
    assert refused.value.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ' + ", ".join(expected)
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":{"a":"\\"","b":"\\u0022"}}',
        b'{"data":{"a":"x"}, "data":{"b":"y"}}',
        b'{"data":{"a":"\\u0022"},"data":{"b":"\\u0022\\u0022"}}',
    ],
)
def test_duplicates_are_found_beside_quotation_marks(body: bytes) -> None:
    _, warnings = bodies.decode(KIND, body, "Warn")
    assert list(warnings) == (['duplicate field "data"'] if body.count(b'"data"') > 1 else [])


def test_unknown_options_are_refused_under_the_actions_name() -> None:
    with pytest.raises(Invalid, match=r'^CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value'):
        bodies.check_options("Create", ("x",))
    with pytest.raises(Invalid, match="fieldValidation: Unsupported value"):
        bodies.check_options("Update", (), "Maybe")
    bodies.check_options("Patch", ("All",), "Strict")


@pytest.mark.parametrize(
    ("manager", "force", "problem"),
    [
        ("x" * 129, False, "fieldManager: Too long: may not be more than 128 bytes"),
        ("a\tb", False, "fieldManager: Invalid value: .*: should only contain printable characters"),
        ("kubectl-edit", True, "force: Forbidden: may not be specified for non-apply patch"),
    ],
)
def test_field_managers_have_a_size_and_only_apply_forces(manager: str, force: bool, problem: str) -> None:
    with pytest.raises(Invalid, match=f'^PatchOptions.meta.k8s.io "" is invalid: {problem}$'):
        bodies.check_options("Patch", (), field_manager=manager, force=force)
    bodies.check_options("Patch", (), field_manager="x" * 128)
