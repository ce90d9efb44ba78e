"""Records: what they encode to, and what they say about themselves."""

from __future__ import annotations

import json

import msgspec
import pytest
from msgspec.structs import replace

from api import types as t
from api.types.reflection import package

RECORDS = sorted(
    {value for value in vars(t).values() if isinstance(value, type) and issubclass(value, t.Record)} - {t.Record},
    key=lambda record: (record.__module__, record.__name__),
)


def encoded(record: t.Record) -> dict[str, object]:
    return json.loads(msgspec.json.encode(record))


@pytest.mark.parametrize("record_type", RECORDS, ids=lambda record: f"{package(record)}.{record.__name__}")
def test_an_empty_record_survives_encoding_and_describes_its_fields(record_type: type[t.Record]) -> None:
    empty = record_type()
    assert msgspec.json.decode(msgspec.json.encode(empty), type=record_type) == empty
    described = t.fields(record_type)
    assert list(described) == [field.encode_name for field in msgspec.structs.fields(record_type)]
    assert record_type.__doc__


def test_empty_objects_show_what_upstream_always_writes() -> None:
    assert encoded(t.Pod()) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {},
        "spec": {"containers": []},
        "status": {},
    }
    assert encoded(t.Container(name="c")) == {"name": "c", "resources": {}}
    assert encoded(t.ContainerStatus(name="c")) == {
        "name": "c",
        "image": "",
        "imageID": "",
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "state": {},
    }
    assert encoded(t.PodCondition(type="Ready", status="True")) == {
        "type": "Ready",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": None,
    }


def test_zero_values_are_left_out_and_pointers_to_zero_are_not() -> None:
    assert "replicas" not in encoded(t.DeploymentSpec())
    assert encoded(replace(t.DeploymentSpec(), replicas=0))["replicas"] == 0
    assert encoded(t.ServicePort(port=80)) == {"port": 80}
    assert encoded(t.PodSpec(automount_service_account_token=False)) == {
        "automountServiceAccountToken": False,
        "containers": [],
    }


def test_identity_comes_first() -> None:
    pod = t.Pod(metadata=t.ObjectMeta(name="a", labels={"x": "y"}, resource_version="5"))
    assert msgspec.json.encode(pod).startswith(
        b'{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"5","name":"a"'
    )


@pytest.mark.parametrize(
    ("record_type", "json_name", "python_name"),
    [
        (t.PodStatus, "podIP", "pod_ip"),
        (t.ServiceSpec, "clusterIPs", "cluster_ips"),
        (t.PodSpec, "hostPID", "host_pid"),
        (t.PodSpec, "setHostnameAsFQDN", "set_hostname_as_fqdn"),
        (t.PolicyRule, "nonResourceURLs", "non_resource_urls"),
        (t.NodeSpec, "podCIDRs", "pod_cidrs"),
        (t.ManagedFieldsEntry, "fieldsV1", "fields_v1"),
        (t.FCVolumeSource, "targetWWNs", "target_wwns"),
        (t.Volume, "storageos", "storageos"),
        (t.DaemonEndpoint, "Port", "port"),
        (t.ListMeta, "continue", "continue_"),
    ],
)
def test_python_names_fold_acronyms(record_type: type[t.Record], json_name: str, python_name: str) -> None:
    assert t.fields(record_type)[json_name].python_name == python_name


def test_fields_carry_facts_and_shapes() -> None:
    containers = t.fields(t.PodSpec)["containers"]
    assert (containers.type.shape, containers.element_record) == ("list", t.Container)
    assert containers.facts.required
    assert containers.facts.patch_merge_key == "name"
    limits = t.fields(t.ResourceRequirements)["limits"]
    assert limits.type.element is not None
    assert (limits.type.shape, limits.type.element.format) == ("map", "quantity")
    assert t.fields(t.ObjectMeta)["creationTimestamp"].type.format == "date-time"
    assert t.fields(t.LeaseSpec)["renewTime"].type.format == "micro-time"
    assert t.fields(t.Secret)["data"].type.element.format == "byte"
    assert t.fields(t.ServicePort)["targetPort"].type.format == "int-or-string"
    assert t.fields(t.DeploymentSpec)["replicas"].pointer
    assert not t.fields(t.ServicePort)["port"].pointer
    assert t.fields(t.UserInfo)["extra"].type.element.shape == "list"


def test_names_taken_twice_are_told_apart() -> None:
    assert t.EventsV1Event is not t.Event
    assert t.schema_name(t.EventsV1Event) == "io.k8s.api.events.v1.Event"
    assert t.schema_name(t.EndpointSlicePort) == "io.k8s.api.discovery.v1.EndpointPort"
    assert t.schema_name(t.ObjectMeta) == "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def test_records_are_frozen() -> None:
    with pytest.raises(AttributeError):
        t.Pod().kind = "Other"  # type: ignore[misc]
