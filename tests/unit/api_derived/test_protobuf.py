"""Protobuf bodies: bodies kubectl 1.32 sent, every scalar's encoding, and bytes that are none."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import errors, protobuf, types
from api.codec import from_tree
from api.protobuf import core_numbers, group_numbers, messages
from api.types.record import Record
from api.types.reflection import fields, package

# What kubectl 1.32 sent for `create deployment web --image=python --replicas=3 --port=80`, and so on.
BODIES = [
    ("create deployment",
     "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EroBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEogBCAMSDAoKCgNhcHASA3dl"
     "YhpuChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEk4SMAoGcHl0aG9uEgZweXRob24qADIKCgAQABhQIgAqAEIAagByAIABAIgBAJAB"
     "AKIBABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA==",
     {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
      "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "strategy": {},
               "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                   {"name": "python", "image": "python", "ports": [{"containerPort": 80}], "resources": {}}]}}},
      "status": {}}),
    ("create secret",
     "azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA=",
     {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}}),
    ("create role",
     "azhzAAokChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgRSb2xlEiIKEQoBchIAGgAiACoAMgA4AEIAEg0KA2dldBIAGgRwb2RzGgAi"
     "AA==",
     {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
      "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}),
    ("auth can-i",
     "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPAoQCgASABoAIgAqADIAOABCABIeChwK"
     "B2RlZmF1bHQSA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=",
     {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
      "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}}, "status": {}}),
    ("create service nodeport",
     "azhzAAoNCgJ2MRIHU2VydmljZRJlChsKAW4SABoAIgAqADIAOABCAFoICgNhcHASAW4SQgoeCgc4MC1odHRwEgNUQ1AYUCIKCAEQABoEaHR0"
     "cCgAEggKA2FwcBIBbhoAIghOb2RlUG9ydDoAQgBSAFoAYABoABoCCgAaACIA",
     {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "n", "labels": {"app": "n"}},
      "spec": {"ports": [{"name": "80-http", "protocol": "TCP", "port": 80, "targetPort": "http"}],
               "selector": {"app": "n"}, "type": "NodePort"}, "status": {"loadBalancer": {}}}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_bodies_of_kubectl(body, expected):
    data = base64.b64decode(body)
    assert protobuf.decode(data) == expected
    assert msgspec.json.decode(protobuf.to_json(data)) == expected


def varint(value):
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def message(**parts):
    """A message from _NUMBER=value: ints as varints, bytes and texts with their length, lists repeated."""
    out = b""
    for name, value in parts.items():
        number = int(name.lstrip("_"))
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, int):
                out += varint(number << 3) + varint(item)
            else:
                data = item.encode() if isinstance(item, str) else item
                out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def decoded(record_type, data):
    tree = messages.decode(record_type, memoryview(data))
    from_tree(record_type, tree)
    return tree


def test_times_and_integers():
    moment = message(_1=1_700_000_000, _2=123_456_789)
    metadata = message(_1="x", _7=-5, _8=moment, _9=message(), _10=0)
    assert decoded(types.ObjectMeta, metadata) == {
        "name": "x",
        "generation": -5,
        "creationTimestamp": "2023-11-14T22:13:20Z",
        "deletionGracePeriodSeconds": 0,
    }
    assert decoded(types.LeaseSpec, message(_4=moment)) == {"renewTime": "2023-11-14T22:13:20.123456Z"}


def test_quantities_and_maps():
    limits = [message(_1="cpu", _2=message(_1="100m")), message(_1="memory", _2=message(_1="1Gi"))]
    assert decoded(types.ResourceRequirements, message(_1=limits)) == {"limits": {"cpu": "100m", "memory": "1Gi"}}
    extra = message(_1="scopes", _2=message(_1=["a", "b"]))
    assert decoded(types.UserInfo, message(_1="u", _4=extra)) == {"username": "u", "extra": {"scopes": ["a", "b"]}}


def test_numbers_or_names():
    action = {"number": message(_2=message(_1=0, _2=80, _3="")), "name": message(_2=message(_1=1, _2=0, _3="http"))}
    assert decoded(types.HTTPGetAction, action["number"]) == {"port": 80}
    assert decoded(types.HTTPGetAction, action["name"]) == {"port": "http"}
    rolling = message(_1=message(_1=0, _2=0, _3=""), _2=message(_1=1, _2=0, _3="25%"))
    assert decoded(types.RollingUpdateDeployment, rolling) == {"maxUnavailable": 0, "maxSurge": "25%"}


def test_bytes_and_free_form_json():
    assert decoded(types.ConfigMap, message(_3=message(_1="k", _2=b"\x00\x01"))) == {"binaryData": {"k": "AAE="}}
    entry = message(_1="kubectl", _7=message(_1=b'{"f:data":{}}'))
    assert decoded(types.ManagedFieldsEntry, entry) == {"manager": "kubectl", "fieldsV1": {"f:data": {}}}


def test_messages_whose_fields_belong_to_the_record_around_them():
    assert decoded(types.Volume, message(_1="v", _2=message(_6=message(_1="s")))) == {
        "name": "v",
        "secret": {"secretName": "s"},
    }
    probe = message(_1=message(_1=message(_1=["cat", "/x"])), _3=5)
    assert decoded(types.Probe, probe) == {"exec": {"command": ["cat", "/x"]}, "timeoutSeconds": 5}
    reference = message(_1=message(_1="cm"), _2="k", _3=0)
    assert decoded(types.ConfigMapKeySelector, reference) == {"name": "cm", "key": "k", "optional": False}


def test_repeated_integers_packed_or_not():
    assert decoded(types.PodSecurityContext, message(_4=[1, 2])) == {"supplementalGroups": [1, 2]}
    assert decoded(types.PodSecurityContext, message(_4=varint(1) + varint(300))) == {"supplementalGroups": [1, 300]}


def test_what_go_writes_for_unset_fields_is_left_out_but_not_what_a_pointer_points_to():
    assert decoded(types.ObjectMeta, message(_1="", _7=0)) == {}
    assert decoded(types.DeleteOptions, message(_1=0)) == {"gracePeriodSeconds": 0}
    assert decoded(types.DeploymentSpec, message(_1=0, _5=0)) == {"replicas": 0}


def test_unknown_fields_are_passed_over():
    assert decoded(types.ObjectMeta, message(_999="new", _1="x")) == {"name": "x"}


def envelope(api_version, kind, raw=b""):
    return b"k8s\x00" + message(_1=message(_1=api_version, _2=kind), _2=raw, _3="", _4="")


def test_delete_options_come_under_any_version():
    body = envelope("apps/v1", "DeleteOptions", message(_1=0, _2=message(_1="u"), _4="Background"))
    assert protobuf.decode(body) == {
        "apiVersion": "apps/v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u"},
        "propagationPolicy": "Background",
    }


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "does not appear to be a protobuf message"),
        (b'{"kind":"Pod"}', "does not appear to be a protobuf message"),
        (b"k8s\x00", "Object 'Kind' is missing"),
        (envelope("v1", ""), "Object 'Kind' is missing"),
        (envelope("v1", "Nope"), 'no kind "Nope" is registered for version "v1"'),
        (envelope("v1", "Pod")[:-3] + b"\x12\x7f", "cut off or malformed"),
        (envelope("v1", "ConfigMap", b"\x0a"), "cut off or malformed"),
        (envelope("v1", "ConfigMap", message(_1=5)), "cut off or malformed"),
        (envelope("v1", "ConfigMap", message(_1=message(_1=b"\xff"))), "cut off or malformed"),
        (envelope("v1", "ConfigMap", message(_1=message(_8=message(_1=1 << 60)))), "cut off or malformed"),
        (envelope("v1", "ConfigMap", b"\xff" * 11), "cut off or malformed"),
        (envelope("v1", "ConfigMap", b"\x0b"), "cut off or malformed"),
    ],
)
def test_malformed_bodies(body, text):
    with pytest.raises(errors.BadRequest) as caught:
        protobuf.decode(body)
    assert text in caught.value.message


@given(st.sampled_from([("v1", "Pod"), ("v1", "Event"), ("apps/v1", "Deployment")]), st.binary(max_size=40))
def test_any_bytes_are_an_object_or_a_bad_request(kind, raw):
    try:
        tree = protobuf.decode(envelope(*kind, raw))
    except errors.BadRequest:
        return
    msgspec.json.encode(tree)


RECORDS = sorted(
    {item for item in vars(types).values() if isinstance(item, type) and issubclass(item, Record)}
    - {Record, types.Status, types.WatchEvent},
    key=lambda record: (package(record), record.__name__),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: f"{package(record)}-{record.__name__}")
def test_every_field_has_a_number_of_its_own(record):
    """A field without a number would be lost silently."""
    numbers = (core_numbers.NUMBERS | group_numbers.NUMBERS)[package(record)][record.__name__]
    by_name = dict(word.split("=") for word in numbers.split())
    assert len(set(by_name.values())) == len(by_name)
    own = set(fields(record))
    assert own - set(by_name) <= {"apiVersion", "kind"}
    assert set(by_name) <= own
