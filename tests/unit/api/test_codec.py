"""Decoding as Go does, encoding canonically, splicing revisions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import codec, event_conversion, strict
from api import types as t
from api.errors import BadRequest


def decode(record_type: type[t.Record], tree: Any) -> Any:
    return codec.decode(record_type, json.dumps(tree).encode())


def refusal(record_type: type[t.Record], body: bytes | Any) -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BadRequest) as caught:
        codec.canonical(codec.decode(record_type, data))
    return caught.value.message


def test_null_means_unset() -> None:
    pod = decode(
        t.Pod,
        {
            "metadata": {"name": "a", "creationTimestamp": None, "labels": None, "ownerReferences": None},
            "spec": {"containers": [{"name": "c", "resources": None, "env": None}], "nodeName": None},
            "status": None,
        },
    )
    assert pod == t.Pod(metadata=t.ObjectMeta(name="a"), spec=t.PodSpec(containers=[t.Container(name="c")]))


def test_null_inside_lists_and_maps_is_the_zero_value() -> None:
    config = decode(t.ConfigMap, {"data": {"a": None, "b": "c"}})
    assert config.data == {"a": "", "b": "c"}
    pod = decode(t.Pod, {"spec": {"containers": [None]}})
    assert pod.spec.containers == [t.Container()]


def test_numbers_are_quantities_too() -> None:
    limits = {"cpu": 1, "memory": 1.5, "ephemeral-storage": "1000Mi"}
    pod = decode(t.Pod, {"spec": {"containers": [{"name": "c", "resources": {"limits": limits}}]}})
    assert pod.spec.containers[0].resources.limits == {
        "cpu": "1",
        "memory": "1500m",
        "ephemeral-storage": "1000Mi",
    }


def test_unknown_fields_are_ignored() -> None:
    assert decode(t.ConfigMap, {"other": {"x": 1}, "data": {"a": "b"}}).data == {"a": "b"}


@pytest.mark.parametrize(
    ("record_type", "tree", "cause"),
    [
        (
            t.Pod,
            {"spec": {"containers": [{"name": 5}]}},
            "json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string",
        ),
        (
            t.Pod,
            {"metadata": {"labels": {"a": True}}},
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            t.Deployment,
            {"spec": {"replicas": "3"}},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            t.Deployment,
            {"spec": {"replicas": 2**31}},
            "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            t.Pod,
            {"spec": {"containers": {"name": "c"}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            t.Pod,
            {"spec": []},
            "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec",
        ),
        (
            t.Service,
            {"spec": {"ports": [{"targetPort": True}]}},
            "json: cannot unmarshal bool into Go value of type int32",
        ),
        (
            t.Pod,
            {"spec": {"containers": [{"resources": {"requests": {"cpu": "2x"}}}]}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            t.Pod,
            {"metadata": {"creationTimestamp": "yesterday"}},
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
        ),
        (t.Secret, {"data": {"k": "***"}}, "illegal base64 data at input byte 0"),
    ],
)
def test_wrong_types_get_upstreams_words(record_type: type[t.Record], tree: Any, cause: str) -> None:
    record: Any = record_type()
    version = record.api_version.rpartition("/")[2]
    expected = f'{record.kind} in version "{version}" cannot be handled as a {record.kind}: {cause}'
    assert refusal(record_type, tree) == expected


@pytest.mark.parametrize(
    ("body", "cause", "summary"),
    [
        (b"{not json", "invalid character 'n' looking for beginning of object key string", "{not json"),
        (b"", "unexpected end of JSON input", "<empty>"),
        (b'{"a":1', "unexpected end of JSON input", '{"a":1'),
        (b'{"a" 1}', "invalid character '1' after object key", '{"a" 1}'),
        (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair", '{"a":1 "b"}'),
        (b'{"a":[1 2]}', "invalid character '2' after array element", '{"a":[1 2]}'),
        (b'{"a":tru}', "invalid character '}' in literal true (expecting 'e')", '{"a":tru}'),
        (b'{"a":-}', "invalid character '}' in numeric literal", '{"a":-}'),
        (b'{"a":"\\x"}', "invalid character 'x' in string escape code", '{"a":"\\x"}'),
        (b"{} x", "invalid character 'x' after top-level value", "{} x"),
        (b"abc", "invalid character 'a' looking for beginning of value", "616263"),
        (b"[" * 100_000, "exceeded max depth", f"{'5b' * 30} ..."),
    ],
)
def test_malformed_json_gets_upstreams_words(body: bytes, cause: str, summary: str) -> None:
    assert refusal(t.ConfigMap, body) == (
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind;"
        f" json parse error: {cause} ({summary})"
    )


def test_a_body_that_is_no_object_is_refused() -> None:
    assert refusal(t.ConfigMap, b"5") == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap:'
        " json: cannot unmarshal number into Go value of type v1.ConfigMap"
    )


def test_canonical_forms() -> None:
    pod = decode(
        t.Pod,
        {
            "metadata": {"creationTimestamp": "2024-01-01T00:00:00+02:00"},
            "spec": {
                "containers": [{"name": "c", "resources": {"limits": {"cpu": "1000m", "memory": "1024Ki"}}}],
                "volumes": [{"name": "e", "emptyDir": {"sizeLimit": "0.5Gi"}}],
            },
        },
    )
    canonical = codec.canonical(pod)
    assert canonical.metadata.creation_timestamp == "2023-12-31T22:00:00Z"
    assert canonical.spec.containers[0].resources.limits == {"cpu": "1", "memory": "1Mi"}
    assert canonical.spec.volumes[0].empty_dir.size_limit == "512Mi"
    assert codec.canonical(canonical) is canonical


def test_base64_may_have_line_breaks() -> None:
    assert codec.canonical(decode(t.Secret, {"data": {"k": "aGVs\nbG8="}})).data == {"k": "aGVsbG8="}


@settings(max_examples=30, derandomize=True, deadline=None)
@given(
    name=st.text(max_size=10),
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    revision=st.integers(1, 2**62),
)
def test_revisions_splice_in_and_out(name: str, labels: dict[str, str], revision: int) -> None:
    stored = codec.encode_stored(t.ConfigMap(metadata=t.ObjectMeta(name=name, labels=labels), data={"metadata": "{"}))
    spliced = codec.with_resource_version(stored, revision)
    record = codec.decode(t.ConfigMap, spliced)
    assert (record.metadata.resource_version, record.metadata.name) == (str(revision), name)
    assert codec.encode(record) == spliced
    assert codec.without_resource_version(spliced) == stored
    assert codec.encode_stored(record) == stored


def test_a_revision_splices_into_empty_metadata() -> None:
    data = codec.encode(t.ConfigMap())
    assert codec.with_resource_version(data, 7) == (
        b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"resourceVersion":"7"}}'
    )


def test_trees_and_bytes_agree() -> None:
    record = t.Service(metadata=t.ObjectMeta(name="s"), spec=t.ServiceSpec(ports=[t.ServicePort(port=80)]))
    tree = codec.to_tree(record)
    assert tree == json.loads(codec.encode(record))
    assert codec.from_tree(t.Service, tree) == record


def test_unknown_fields_are_named_by_path() -> None:
    tree = {
        "x": 1,
        "spec": {
            "foo": 1,
            "containers": [{"imagee": 1, "env": [{"valueFrom": {"z": 1}}]}],
            "nodeSelector": {"any": "key"},
        },
    }
    assert codec.field_problems(t.Pod, tree) == [
        'unknown field "x"',
        'unknown field "spec.foo"',
        'unknown field "spec.containers[0].imagee"',
        'unknown field "spec.containers[0].env[0].valueFrom.z"',
    ]


def test_unknown_and_repeated_fields_are_told_in_document_order() -> None:
    body = (
        b'{"kind":"x","metadata":{"labels":{"a":"1","a":"2"}},"spec":{"unknown":"1","unknown":"2",'
        b'"replicas":1,"replicas":2,"template":{"spec":{"containers":[{"name":"c"},{"name":"d","x":{"f":1,"f":1},"name":"e"}]}}}}'
    )
    assert codec.field_problems(t.Deployment, strict.with_repeated_keys(body)) == [
        'duplicate field "metadata.labels.a"',
        'unknown field "spec.unknown"',
        'duplicate field "spec.replicas"',
        'unknown field "spec.template.spec.containers[1].x"',
        'duplicate field "spec.template.spec.containers[1].name"',
    ]
    tree = strict.with_repeated_keys(b'{"metadata":{"name":"b","labels":{"name":"b"}}}')
    assert codec.field_problems(t.Deployment, tree) == []


def test_events_convert_between_their_groups() -> None:
    event = t.Event(
        metadata=t.ObjectMeta(name="e"),
        involved_object=t.ObjectReference(kind="Pod", name="p"),
        message="said",
        count=3,
        reporting_component="kubelet",
        source=t.EventSource(component="kubelet"),
        series=t.EventSeries(count=2, last_observed_time="2024-01-01T00:00:00.000000Z"),
    )
    grouped = event_conversion.to_events_group(event)
    assert (grouped.note, grouped.regarding.name, grouped.deprecated_count) == ("said", "p", 3)
    assert (grouped.api_version, grouped.kind) == ("events.k8s.io/v1", "Event")
    assert event_conversion.to_core(grouped) == event
