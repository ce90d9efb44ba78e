"""Every other kind: what makes it invalid, and what of it may not change."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults, scheme, validation
from api import types as t

TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "a"}]}}
RBAC = "rbac.authorization.k8s.io"


def build(kind: str, **fields: Any) -> Any:
    resource = scheme.find(kind)
    metadata = {"name": "x", **({"namespace": "ns"} if resource.namespaced else {}), **fields.pop("metadata", {})}
    return defaults.apply(codec.from_tree(resource.record, {"metadata": metadata, **fields}))


def created(record: Any) -> list[str]:
    return [str(error) for error in validation.create(record)]


def updated(new: Any, old: Any) -> list[str]:
    return [str(error) for error in validation.update(new, old)]


def service(**spec: Any) -> t.Service:
    record = build("Service", spec={"ports": [{"port": 80}], **spec})
    if not record.spec.cluster_ips and record.spec.type != "ExternalName":
        addresses = [record.spec.cluster_ip or "10.96.0.5"]
        record = replace(record, spec=replace(record.spec, cluster_ip=addresses[0], cluster_ips=addresses))
    return record


def deployment(**spec: Any) -> t.Deployment:
    return build("Deployment", spec={"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE, **spec})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"ports": [], "clusterIP": "None"}, []),
        ({"type": "ExternalName", "externalName": "a.b.", "ports": []}, []),
        ({"ports": []}, ["spec.ports: Required value"]),
        ({"type": "ExternalName", "ports": []}, ["spec.externalName: Required value"]),
        (
            {"type": "Other"},
            [
                'spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName",'
                ' "LoadBalancer", "NodePort"'
            ],
        ),
        (
            {"ports": [{"port": 80}, {"port": 81}]},
            ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
        ),
        (
            {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]},
            [
                'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,'
                '"TargetPort":0,"NodePort":0}'
            ],
        ),
        (
            {"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]},
            ['spec.ports[1].name: Duplicate value: "a"'],
        ),
        (
            {"ports": [{"port": 0, "targetPort": 1}]},
            ["spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
        ),
        (
            {"ports": [{"port": 80, "nodePort": 30000}]},
            ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
        ),
        (
            {"type": "NodePort", "clusterIP": "None"},
            ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
        ),
        (
            {"clusterIP": "nonsense"},
            [
                'spec.clusterIPs[0]: Invalid value: "nonsense":'
                " must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            ],
        ),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 100000}}},
            [
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 100000:"
                " must be greater than 0 and less than 86400"
            ],
        ),
        (
            {"externalIPs": ["127.0.0.1"]},
            [
                'spec.externalIPs[0]: Invalid value: "127.0.0.1":'
                " may not be in the loopback range (127.0.0.0/8, ::1/128)"
            ],
        ),
        (
            {"loadBalancerSourceRanges": ["10.0.0.0/8"]},
            ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
        ),
        (
            {"externalTrafficPolicy": "Local"},
            ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
        ),
        (
            {"ipFamilies": ["IPv6"]},
            ['spec.clusterIPs[0]: Invalid value: "10.96.0.5": expected an IPv6 value as indicated by `ipFamilies[0]`'],
        ),
    ],
)
def test_services(spec: dict[str, Any], expected: list[str]) -> None:
    assert created(service(**spec)) == expected


def test_a_service_keeps_its_address() -> None:
    old = service()
    moved = service(clusterIP="10.96.0.6", clusterIPs=["10.96.0.6"])
    assert updated(moved, old) == ['spec.clusterIPs[0]: Invalid value: ["10.96.0.6"]: may not change once set']
    external = service(type="ExternalName", externalName="a.b", ports=[])
    assert updated(external, old) == []
    assert updated(old, external) == []


def test_load_balancer_status_is_for_load_balancers() -> None:
    old = service()
    ingress = t.LoadBalancerStatus(ingress=[t.LoadBalancerIngress(ip="1.2.3.4", ip_mode="VIP")])
    new = replace(old, status=t.ServiceStatus(load_balancer=ingress))
    assert [str(error) for error in validation.update_status(new, old)] == [
        "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"
    ]
    balanced = service(type="LoadBalancer")
    assert validation.update_status(replace(balanced, status=new.status), balanced) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"replicas": 0, "strategy": {"type": "Recreate"}}, []),
        ({"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        ({"selector": None}, ["spec.selector: Required value"]),
        ({"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        (
            {"selector": {"matchLabels": {"a": "c"}}},
            ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
        ),
        (
            {"strategy": {"rollingUpdate": {"maxSurge": "x%"}}},
            [
                'spec.strategy.rollingUpdate.maxSurge: Invalid value: "x%": a valid percent string must be a numeric'
                " string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
            ],
        ),
        (
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
        ),
        (
            {"strategy": {"rollingUpdate": {"maxUnavailable": "101%"}}},
            ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
        ),
        (
            {"strategy": {"type": "Recreate", "rollingUpdate": {}}},
            ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
        ),
        (
            {"minReadySeconds": 10, "progressDeadlineSeconds": 10},
            ["spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds"],
        ),
        (
            {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}},
            ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
        ),
        (
            {"template": {**TEMPLATE, "spec": {"containers": []}}},
            ["spec.template.spec.containers: Required value"],
        ),
    ],
)
def test_deployments(spec: dict[str, Any], expected: list[str]) -> None:
    assert created(deployment(**spec)) == expected


def test_a_deployments_selector_is_for_life() -> None:
    wider = {"matchLabels": {"a": "b", "x": "y"}}
    new = deployment(selector=wider)
    assert updated(new, deployment()) == [
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
        'spec.selector: Invalid value: {"matchLabels":{"a":"b","x":"y"}}: field is immutable',
    ]


def test_workload_status_counts_add_up() -> None:
    old = deployment()
    new = replace(old, status=t.DeploymentStatus(replicas=1, ready_replicas=2, available_replicas=3))
    assert [str(error) for error in validation.update_status(new, old)] == [
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"data": {"a.b": "c"}}, []),
        ({"data": {"..": ""}}, ["data[..]: Invalid value: \"..\": must not be '..'"]),
        (
            {"data": {"a": ""}, "binaryData": {"a": ""}},
            ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
        ),
        ({"data": {"a": "x" * 1048577}}, ["[]: Too long: may not be more than 1048576 bytes"]),
    ],
)
def test_config_maps(fields: dict[str, Any], expected: list[str]) -> None:
    assert created(build("ConfigMap", **fields)) == expected


def test_immutable_config_maps_and_secrets() -> None:
    frozen = build("ConfigMap", immutable=True, data={"a": "b"})
    detail = "field is immutable when `immutable` is set"
    assert updated(build("ConfigMap", data={"a": "c"}), frozen) == [
        f"immutable: Forbidden: {detail}",
        f"data: Forbidden: {detail}",
    ]
    secret = build("Secret", immutable=True, stringData={"a": "b"})
    assert updated(build("Secret", immutable=True), secret) == [f"data: Forbidden: {detail}"]
    assert updated(build("Secret", type="other/type"), build("Secret")) == [
        'type: Invalid value: "other/type": field is immutable'
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "kubernetes.io/tls"}, ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
        ({"type": "kubernetes.io/tls", "stringData": {"tls.crt": "", "tls.key": ""}}, []),
        (
            {"type": "kubernetes.io/basic-auth"},
            ["data[username]: Required value", "data[password]: Required value"],
        ),
        ({"type": "kubernetes.io/dockerconfigjson"}, ["data[.dockerconfigjson]: Required value"]),
        (
            {"type": "kubernetes.io/service-account-token"},
            ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
    ],
)
def test_secrets_of_known_types(fields: dict[str, Any], expected: list[str]) -> None:
    assert created(build("Secret", **fields)) == expected


def test_namespace_phase_follows_deletion() -> None:
    namespace = build("Namespace")
    ending = replace(namespace, status=replace(namespace.status, phase="Terminating"))
    assert [str(error) for error in validation.update_status(ending, namespace)] == [
        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
    ]


def test_nodes() -> None:
    taints = [
        {"key": "a", "effect": "NoSchedule"},
        {"key": "a", "effect": "NoSchedule"},
        {"key": "b", "effect": "Push"},
    ]
    found = created(build("Node", spec={"taints": taints, "podCIDRs": ["10.0.0.0"]}))
    assert [error.partition(": ")[0] for error in found] == [
        "metadata.taints[1]",
        "metadata.taints[2].effect",
        "spec.podCIDRs[0]",
    ]
    assert "taints must be unique by key and effect pair" in found[0]
    old = build("Node", spec={"podCIDRs": ["10.0.0.0/24"], "podCIDR": "10.0.0.0/24"})
    assert updated(build("Node"), old) == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'
    ]
    assert updated(old, build("Node")) == []


def test_endpoints() -> None:
    bad = [{"addresses": [{"ip": "169.254.0.1"}], "ports": [{"port": 80}, {"port": 81, "name": "b"}]}, {}]
    assert created(build("Endpoints", subsets=bad)) == [
        'subsets[0].addresses[0].ip: Invalid value: "169.254.0.1":'
        " may not be in the link-local range (169.254.0.0/16, fe80::/10)",
        "subsets[0].ports[0].name: Required value",
        "subsets[1]: Required value: must specify `addresses` or `notReadyAddresses`",
    ]


def test_endpoint_slices() -> None:
    good = build("EndpointSlice", addressType="IPv4", endpoints=[{"addresses": ["10.0.0.1"]}], ports=[{"port": 80}])
    assert created(good) == []
    assert created(replace(good, address_type="")) == ["addressType: Required value"]
    sixes = replace(good, endpoints=[t.Endpoint(addresses=["::2"]), t.Endpoint()])
    assert created(sixes) == [
        'endpoints[0].addresses[0]: Invalid value: "::2": must be a valid IPv4 address',
        "endpoints[1].addresses: Required value: must contain at least 1 address",
    ]
    assert updated(replace(good, address_type="IPv6", endpoints=[]), good) == [
        'addressType: Invalid value: "IPv6": field is immutable'
    ]


def test_roles() -> None:
    rules = [
        {},
        {"verbs": ["get"], "nonResourceURLs": ["/x"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]},
    ]
    assert created(build("Role", rules=rules)) == [
        "rules[0].verbs: Required value: verbs must contain at least one value",
        "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
        "rules[0].resources: Required value: resource rules must supply at least one resource",
        'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ]
    assert created(build("ClusterRole", rules=rules[1:])) == []


def test_bindings() -> None:
    assert created(build("RoleBinding", roleRef={}, subjects=[])) == [
        'roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"',
        "roleRef.name: Required value",
    ]
    subjects = [{"kind": "ServiceAccount", "name": "s"}, {"kind": "Robot", "name": "r"}]
    binding = build("ClusterRoleBinding", roleRef={"kind": "ClusterRole", "name": "r"}, subjects=subjects)
    assert created(binding) == [
        "subjects[0].namespace: Required value",
        'subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
    ]
    old = replace(binding, subjects=[])
    new = replace(old, role_ref=replace(old.role_ref, name="other"))
    (error,) = updated(new, old)
    assert error.startswith("roleRef: Invalid value: {")
    assert error.endswith(": cannot change roleRef")


def test_leases() -> None:
    assert created(build("Lease", spec={"leaseDurationSeconds": 15, "holderIdentity": "x"})) == []
    assert created(build("Lease", spec={"leaseDurationSeconds": 0, "leaseTransitions": -1})) == [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
    ]


def test_old_events_are_checked_for_little() -> None:
    event = build("events", involvedObject={"kind": "Pod", "name": "p", "namespace": "ns"})
    assert created(event) == []
    elsewhere = replace(event, involved_object=replace(event.involved_object, namespace="other"))
    assert created(elsewhere) == ['involvedObject.namespace: Invalid value: "other": does not match event.namespace']


def test_events_of_the_events_group_must_be_complete() -> None:
    event = build("events.events.k8s.io", regarding={"namespace": "ns"}, deprecatedCount=1)
    assert created(event) == [
        "eventTime: Required value",
        'type: Invalid value: "": has invalid value: ',
        'count: Invalid value: "": needs to be unset',
    ]
    complete = replace(
        event,
        event_time="2024-01-01T00:00:00.000000Z",
        type="Normal",
        deprecated_count=0,
        reporting_controller="example.com/x",
        reporting_instance="x-1",
        action="Did",
        reason="Because",
    )
    assert created(complete) == []
    assert updated(replace(complete, note="new"), complete) == ['message: Invalid value: "new": field is immutable']
    series = t.EventsV1EventSeries(count=2, last_observed_time="2024-01-01T00:00:01.000000Z")
    assert updated(replace(complete, series=series), complete) == []


def test_reviews_and_requests() -> None:
    assert created(t.SubjectAccessReview()) == [
        "spec.resourceAttributes: Invalid value: null:"
        " exactly one of nonResourceAttributes or resourceAttributes must be specified",
        'spec.user: Invalid value: "": at least one of user or group must be specified',
    ]
    asked = t.SelfSubjectAccessReviewSpec(resource_attributes=t.ResourceAttributes(verb="get"))
    assert created(t.SelfSubjectAccessReview(spec=asked)) == []
    assert created(t.TokenRequest(spec=t.TokenRequestSpec(expiration_seconds=5))) == [
        "spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes"
    ]
    assert created(t.Scale(spec=t.ScaleSpec(replicas=-1))) == [
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    ]
    assert created(t.TokenReview()) == []


def test_every_resource_can_be_validated() -> None:
    for resource in scheme.RESOURCES:
        record: Any = resource.record()
        assert isinstance(validation.create(record), list)
        assert isinstance(validation.update(record, record), list)
