"""What the API server says about objects that are legal and hardly meant."""

from __future__ import annotations

import pytest

from api import advice, codec
from api.defaults import apply
from api.types import CronJob, Deployment, Job, Pod, PodTemplate, StatefulSet

CONTAINER = {"name": "c", "image": "busybox"}
NULL = "a null labelSelector results in matching no pod"


def pod(name="p", annotations=None, container=None, **spec):
    metadata = {"name": name, "namespace": "ns", "annotations": annotations or {}}
    tree = {"metadata": metadata, "spec": {"containers": [CONTAINER | (container or {})], **spec}}
    return apply(codec.from_tree(Pod, {"apiVersion": "v1", "kind": "Pod", **tree}))


def workload(kind, name="w", **spec):
    return codec.from_tree(kind, {"metadata": {"name": name, "namespace": "ns"}, "spec": spec})


def about_container(**container):
    return list(advice.create(pod(container=container)))


def test_an_everyday_pod_is_not_talked_about():
    resources = {"limits": {"memory": "64Mi", "cpu": "100m"}, "requests": {"ephemeral-storage": "1G"}}
    ports = [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}]
    assert about_container(resources=resources, ports=ports, env=env) == []


def test_a_name_that_is_no_host_name():
    told = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
    assert list(advice.create(pod("a.b"))) == [f"metadata.name: {told}: [must not contain dots]"]
    (said,) = advice.create(workload(Deployment, "a.b", template={"spec": {"containers": [CONTAINER]}}))
    assert said.startswith("metadata.name: this is used in Pod names and hostnames, ")


def test_variables_that_hide_others():
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "A", "value": "$(A)"}]
    hides = 'hides previous definition of "A", which may be dropped when using apply'
    assert about_container(env=env) == [f"spec.containers[0].env[{n}]: {hides}" for n in (1, 2)]


def test_amounts_of_bytes_with_fractions():
    resources = {"limits": {"memory": "1500m"}, "requests": {"memory": "0.5"}}
    assert about_container(resources=resources) == [
        'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
        'spec.containers[0].resources.requests[memory]: fractional byte value "500m" is invalid, must be an integer',
    ]


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ({}, {}, "duplicate"),
        ({"hostPort": 8080}, {}, "overlapping"),
        ({"hostPort": 8080}, {"hostPort": 8080, "hostIP": "127.0.0.1"}, "dangerously ambiguous"),
    ],
)
def test_ports_that_are_said_twice(first, second, word):
    ports = [{"containerPort": 80, **first}, {"containerPort": 80, **second}]
    expected = f"spec.containers[0].ports[1]: {word} port definition with spec.containers[0].ports[0]"
    assert about_container(ports=ports) == [expected]


def test_a_host_address_without_a_port():
    shown = "{Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:127.0.0.1}"
    said = about_container(ports=[{"containerPort": 80, "hostIP": "127.0.0.1"}])
    assert said == [f"spec.containers[0].ports[0]: hostIP set without hostPort: {shown}"]


def test_selectors_that_select_nothing():
    affinity = {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]},
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "zone"}}
            ]
        },
    }
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    preferred = "podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm"
    assert list(advice.create(pod(affinity=affinity, topologySpreadConstraints=spread))) == [
        f"spec.topologySpreadConstraints[0].labelSelector: {NULL}",
        f"spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: {NULL}",
        f"spec.affinity.{preferred}.labelSelector: {NULL}",
    ]


def test_what_has_become_old():
    label = "beta.kubernetes.io/os"
    terms = [{"matchExpressions": [{"key": label, "operator": "Exists"}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    old = 'deprecated since v1.14; use "kubernetes.io/os" instead'
    where = "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key"
    volumes = [{"name": "v", "gitRepo": {"repository": "r"}}]
    seccomp = "seccomp.security.alpha.kubernetes.io/pod"
    said = advice.create(
        pod(nodeSelector={label: "linux"}, affinity=affinity, volumes=volumes, annotations={seccomp: "x"})
    )
    assert list(said) == [
        f"spec.nodeSelector[{label}]: {old}",
        f"spec.affinity.{where}: {label} is {old}",
        "spec.volumes[0].gitRepo: deprecated in v1.11",
        rf"metadata.annotations[{seccomp}]: non-functional in v1.27+; use the \"seccompProfile\" field instead",
    ]


def test_what_is_said_twice_or_not_at_all():
    aliases = [{"ip": "10.0.0.1", "hostnames": ["a"]}, {"ip": "10.0.0.1", "hostnames": ["b"]}]
    secrets = [{"name": "s"}, {"name": "s"}, {"name": ""}]
    said = advice.create(pod(hostAliases=aliases, imagePullSecrets=secrets))
    assert list(said) == [
        'spec.hostAliases[1].ip: duplicate ip "10.0.0.1"',
        'spec.imagePullSecrets[1].name: duplicate name "s"',
        'spec.imagePullSecrets[2].name: invalid empty name ""',
    ]


TEMPLATE = {"spec": {"containers": [CONTAINER], "terminationGracePeriodSeconds": -1}}


@pytest.mark.parametrize(
    ("record", "path"),
    [
        (workload(StatefulSet, "a.b", template=TEMPLATE), "spec.template"),
        (workload(Job, template=TEMPLATE), "spec.template"),
        (workload(CronJob, jobTemplate={"spec": {"template": TEMPLATE}}), "spec.jobTemplate.spec.template"),
        (codec.from_tree(PodTemplate, {"metadata": {"name": "t"}, "template": TEMPLATE}), "template"),
    ],
)
def test_templates_are_spoken_of_where_they_stand(record, path):
    (said,) = advice.create(record)
    assert said.startswith(f"{path}.spec.terminationGracePeriodSeconds: ")


def test_a_change_is_talked_about_when_it_changes_what_is_wanted():
    old = workload(Deployment, replicas=1, template=TEMPLATE)
    assert advice.update(old, old) == ()
    assert len(advice.update(workload(Deployment, replicas=2, template=TEMPLATE), old)) == 1
    assert advice.update(pod("a.b", terminationGracePeriodSeconds=-1), pod("a.b")) == ()


def test_a_job_too_big_to_be_tracked():
    spec = {"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001}
    (said,) = advice.create(workload(Job, template={"spec": {"containers": [CONTAINER]}}, **spec))
    assert said.startswith("spec: In Indexed Jobs with a number of completions higher than 10^5")
