"""The table of resources."""

from __future__ import annotations

import pytest

from api import scheme
from api import types as t


@pytest.mark.parametrize(
    ("word", "group_resource"),
    [
        ("po", "pods"),
        ("Pods", "pods"),
        ("pod", "pods"),
        ("deploy", "deployments.apps"),
        ("deployments.apps", "deployments.apps"),
        ("deployments.v1.apps", "deployments.apps"),
        ("Deployment", "deployments.apps"),
        ("ev", "events"),
        ("events.events.k8s.io", "events.events.k8s.io"),
        ("endpointslice", "endpointslices.discovery.k8s.io"),
        ("leases.coordination.k8s.io", "leases.coordination.k8s.io"),
    ],
)
def test_find_understands_what_people_type(word: str, group_resource: str) -> None:
    assert scheme.find(word).group_resource == group_resource


@pytest.mark.parametrize("word", ["", "nothing", "pods.apps", "deployments.v2.apps", "deployments.v1"])
def test_find_refuses_unknown_words(word: str) -> None:
    with pytest.raises(KeyError):
        scheme.find(word)


def test_every_resource_is_found_by_kind_path_and_record() -> None:
    for resource in scheme.RESOURCES:
        assert scheme.by_kind(resource.api_version, resource.kind) is resource
        assert scheme.by_path(resource.group, resource.version, resource.plural) is resource
        assert scheme.of(resource.record) is resource
        assert scheme.of(resource.record()) is resource
        record = resource.record()
        assert (record.api_version, record.kind) == (resource.api_version, resource.kind)


def test_storage_prefixes_do_not_overlap() -> None:
    prefixes = [f"{r.key_prefix}/" for r in scheme.RESOURCES if r.persistent and r.storage is r]
    for prefix in prefixes:
        assert [other for other in prefixes if other.startswith(prefix)] == [prefix]


def test_upstream_storage_paths() -> None:
    assert scheme.of(t.Pod).key_prefix == "/registry/pods"
    assert scheme.of(t.Service).key_prefix == "/registry/services/specs"
    assert scheme.of(t.Endpoints).key_prefix == "/registry/services/endpoints"
    assert scheme.of(t.Node).key_prefix == "/registry/minions"
    assert scheme.of(t.Deployment).key_prefix == "/registry/deployments"


def test_both_event_groups_share_one_storage() -> None:
    grouped = scheme.of(t.EventsV1Event)
    assert grouped.storage is scheme.of(t.Event)
    assert grouped.key_prefix == "/registry/events"


def test_reviews_are_not_persistent() -> None:
    assert not scheme.of(t.TokenReview).persistent
    assert scheme.of(t.TokenReview).verbs == ("create",)
    assert scheme.of(t.ConfigMap).persistent


def test_subresources_know_their_kind() -> None:
    scale = scheme.of(t.Deployment).subresource("scale")
    assert (scale.group, scale.version, scale.kind, scale.record) == ("autoscaling", "v1", "Scale", t.Scale)
    with pytest.raises(KeyError):
        scheme.of(t.ConfigMap).subresource("status")


def test_kinds_include_those_only_subresources_take() -> None:
    assert scheme.KINDS["autoscaling/v1", "Scale"] is t.Scale
    assert scheme.KINDS["policy/v1", "Eviction"] is t.Eviction
    assert scheme.KINDS["v1", "Pod"] is t.Pod
