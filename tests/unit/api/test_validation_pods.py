"""Pod specs field by field: each wrong pod gets upstream's path and words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults, validation
from api import types as t

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
REQUIRED_AFFINITY = "requiredDuringSchedulingIgnoredDuringExecution"


def pod(spec: dict[str, Any], **metadata: Any) -> t.Pod:
    spec = {"containers": [{"name": "c", "image": "a"}], **spec}
    tree = {"metadata": {"name": "p", "namespace": "ns", **metadata}, "spec": spec}
    return defaults.apply(codec.from_tree(t.Pod, tree))


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "a", **fields}]}


def errors(spec: dict[str, Any], **metadata: Any) -> list[str]:
    return [str(error) for error in validation.create(pod(spec, **metadata))]


def test_a_rich_pod_is_fine() -> None:
    spec = {
        "initContainers": [
            {"name": "i", "image": "a"},
            {"name": "s", "image": "a", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 5}}},
        ],
        "containers": [
            {
                "name": "c",
                "image": "a",
                "ports": [{"name": "web", "containerPort": 80}, {"containerPort": 81, "protocol": "UDP"}],
                "env": [
                    {"name": "A", "value": "x"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                    {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
                    {"name": "D", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "m"}, "prefix": "P_"}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "1Gi", "example.com/gpu": "1"},
                    "limits": {"memory": "2Gi", "example.com/gpu": "1"},
                },
                "volumeMounts": [{"name": "e", "mountPath": "/e"}, {"name": "t", "mountPath": "/t", "subPath": "a/b"}],
                "livenessProbe": {"httpGet": {"port": "web", "httpHeaders": [{"name": "X-A", "value": "b"}]}},
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "securityContext": {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            }
        ],
        "volumes": [
            {"name": "e", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
            {"name": "h", "hostPath": {"path": "/x", "type": "Directory"}},
        ],
        "serviceAccountName": "default",
        "tolerations": [
            {"operator": "Exists"},
            {"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 5},
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"a": "b"}},
            }
        ],
        "affinity": {
            "nodeAffinity": {
                REQUIRED_AFFINITY: {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]},
                        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]},
                    ]
                }
            }
        },
        "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a.b"]}],
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["_tcp.example.com."]},
    }
    assert errors(spec) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        (
            {"containers": [{"name": "c", "image": "a"}, {"name": "c", "image": "b"}]},
            'spec.containers[1].name: Duplicate value: "c"',
        ),
        ({"containers": [{"name": "C", "image": "a"}]}, f'spec.containers[0].name: Invalid value: "C": {LABEL}'),
        ({"containers": [{"name": "c"}]}, "spec.containers[0].image: Required value"),
        (
            container(image=" a"),
            'spec.containers[0].image: Invalid value: " a": must not have leading or trailing whitespace',
        ),
        (
            container(imagePullPolicy="Sometimes"),
            'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes":'
            ' supported values: "Always", "IfNotPresent", "Never"',
        ),
        (
            container(restartPolicy="Maybe"),
            'spec.containers[0].restartPolicy: Unsupported value: "Maybe":'
            ' supported values: "Always", "Never", "OnFailure"',
        ),
        (
            {"initContainers": [{"name": "c", "image": "a"}]},
            'spec.initContainers[0].name: Duplicate value: "c"',
        ),
        (
            {"initContainers": [{"name": "i", "image": "a", "livenessProbe": {"exec": {"command": ["x"]}}}]},
            "spec.initContainers[0].livenessProbe: Forbidden:"
            " may not be set for init containers without restartPolicy=Always",
        ),
        (
            {"ephemeralContainers": [{"name": "e", "image": "a"}]},
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ),
        # ports
        (container(ports=[{"containerPort": 0}]), "spec.containers[0].ports[0].containerPort: Required value"),
        (
            container(ports=[{"containerPort": 70000}]),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            container(ports=[{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
            'spec.containers[0].ports[1].name: Duplicate value: "a"',
        ),
        (
            container(ports=[{"containerPort": 1, "name": "12345"}]),
            'spec.containers[0].ports[0].name: Invalid value: "12345": must contain at least one letter (a-z)',
        ),
        (
            container(ports=[{"containerPort": 1, "protocol": "ICMP"}]),
            'spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            container(ports=[{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]),
            'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//9"',
        ),
        (
            {"hostNetwork": True, **container(ports=[{"containerPort": 1, "hostPort": 2}])},
            "spec.containers[0].ports[0].hostPort: Invalid value: 2:"
            " must match `containerPort` when `hostNetwork` is true",
        ),
        # environment
        (container(env=[{"value": "x"}]), "spec.containers[0].env[0].name: Required value"),
        (
            container(env=[{"name": "A=B"}]),
            'spec.containers[0].env[0].name: Invalid value: "A=B": a valid environment variable name must consist only'
            " of printable ASCII characters other than '='",
        ),
        (
            container(env=[{"name": "A", "valueFrom": {}}]),
            'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`,'
            " `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        ),
        (
            container(env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
            'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ),
        (
            container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.nme"}}}]),
            'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.nme":'
            " error converting fieldPath: field label not supported: metadata.nme",
        ),
        (
            container(env=[{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.disk"}}}]),
            'spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.disk":'
            ' supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",'
            ' "requests.ephemeral-storage", "requests.memory"',
        ),
        (
            container(envFrom=[{}]),
            'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
        ),
        # resources
        (
            container(resources={"requests": {"cpu": "-1"}}),
            'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        (
            container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
            'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        (
            container(resources={"limits": {"example.com/gpu": "2"}, "requests": {"example.com/gpu": "1"}}),
            'spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2',
        ),
        (
            container(resources={"requests": {"example.com/gpu": "1"}}),
            "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
        ),
        (
            container(resources={"limits": {"hugepages-2Mi": "4Mi"}}),
            "spec.containers[0].resources: Forbidden: HugePages require cpu or memory",
        ),
        # probes
        (container(livenessProbe={}), "spec.containers[0].livenessProbe: Required value: must specify a handler type"),
        (
            container(livenessProbe={"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}),
            "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        ),
        (
            container(livenessProbe={"exec": {"command": ["x"]}, "successThreshold": 2}),
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (container(readinessProbe={"exec": {}}), "spec.containers[0].readinessProbe.exec.command: Required value"),
        (
            container(readinessProbe={"tcpSocket": {"port": 0}}),
            "spec.containers[0].readinessProbe.tcpSocket.port: Invalid value: 0:"
            " must be between 1 and 65535, inclusive",
        ),
        (
            container(startupProbe={"exec": {"command": ["x"]}, "initialDelaySeconds": -1}),
            "spec.containers[0].startupProbe.initialDelaySeconds: Invalid value: -1:"
            " must be greater than or equal to 0",
        ),
        (
            container(lifecycle={"preStop": {"sleep": {"seconds": 31}}}),
            "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31:"
            " must be non-negative and less than terminationGracePeriodSeconds (30)",
        ),
        # mounts
        (
            container(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
            'spec.containers[0].volumeMounts[0].name: Not found: "v"',
        ),
        (
            {
                **container(volumeMounts=[{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/v"}]),
                "volumes": [{"name": "v"}],
            },
            'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique',
        ),
        (
            {
                **container(volumeMounts=[{"name": "v", "mountPath": "/v", "subPath": "a/../b"}]),
                "volumes": [{"name": "v"}],
            },
            "spec.containers[0].volumeMounts.subPath: Invalid value: \"a/../b\": must not contain '..'",
        ),
        (
            container(env=[{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "k"}}}]),
            'spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"',
        ),
        (
            {
                **container(
                    env=[{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "k"}}}]
                ),
                "volumes": [{"name": "v", "configMap": {"name": "c"}}],
            },
            'spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Invalid value: "v": referenced volume must be'
            " of type emptyDir",
        ),
        # volumes
        (
            {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]},
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        ),
        ({"volumes": [{"name": "v"}, {"name": "v"}]}, 'spec.volumes[1].name: Duplicate value: "v"'),
        ({"volumes": [{"name": "v", "secret": {}}]}, "spec.volumes[0].secret.secretName: Required value"),
        (
            {"volumes": [{"name": "v", "configMap": {"name": "m", "defaultMode": 0o1000}}]},
            "spec.volumes[0].configMap.defaultMode: Invalid value: 512:"
            " must be a number between 0 and 0777 (octal), both inclusive",
        ),
        (
            {"volumes": [{"name": "v", "hostPath": {"path": "/x", "type": "Nothing"}}]},
            'spec.volumes[0].hostPath.type: Unsupported value: "Nothing": supported values: "", "BlockDevice",'
            ' "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
        ),
        (
            {"volumes": [{"name": "v", "configMap": {"name": "m", "items": [{"key": "k", "path": "/abs"}]}}]},
            'spec.volumes[0].configMap.items[0].path: Invalid value: "/abs": must be a relative path',
        ),
        (
            {"volumes": [{"name": "v", "nfs": {"server": "s", "path": "rel"}}]},
            'spec.volumes[0].nfs.path: Invalid value: "rel": must be an absolute path',
        ),
        # settings of the pod
        (
            {"restartPolicy": "Maybe"},
            'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
        ),
        (
            {"dnsPolicy": "Other"},
            'spec.dnsPolicy: Unsupported value: "Other": supported values: "ClusterFirstWithHostNet",'
            ' "ClusterFirst", "Default", "None"',
        ),
        (
            {"dnsPolicy": "None"},
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            {"dnsConfig": {"nameservers": ["1.1.1.1", "bad"]}},
            'spec.dnsConfig.nameservers[1]: Invalid value: "bad":'
            " must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
        (
            {"activeDeadlineSeconds": 0},
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        ({"hostname": "a.b"}, 'spec.hostname: Invalid value: "a.b": must not contain dots'),
        (
            {"shareProcessNamespace": True, "hostPID": True},
            "spec.securityContext.shareProcessNamespace: Invalid value: true:"
            " ShareProcessNamespace and HostPID cannot both be enabled",
        ),
        (
            {"securityContext": {"runAsUser": -1}},
            "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        ),
        (
            {"hostUsers": False, "hostNetwork": True},
            "spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false",
        ),
        (
            {"nodeName": "n", "schedulingGates": [{"name": "g"}]},
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ),
        # scheduling
        (
            {"tolerations": [{"operator": "Equal"}]},
            'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty,'
            ' which means "match all values and all keys"',
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "spec.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'",
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 5}]},
            'spec.tolerations[0].effect: Invalid value: "":'
            " effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
        (
            {"affinity": {"nodeAffinity": {REQUIRED_AFFINITY: {"nodeSelectorTerms": []}}}},
            f"spec.affinity.nodeAffinity.{REQUIRED_AFFINITY}.nodeSelectorTerms: Required value:"
            " must have at least one node selector term",
        ),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        REQUIRED_AFFINITY: {
                            "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In"}]}]
                        }
                    }
                }
            },
            f"spec.affinity.nodeAffinity.{REQUIRED_AFFINITY}.nodeSelectorTerms[0].matchExpressions[0].values:"
            " Required value: must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (
            {
                "topologySpreadConstraints": [
                    {"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"},
                ]
            },
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
    ],
)
def test_wrong_pods(spec: dict[str, Any], expected: str) -> None:
    assert errors(spec) == [expected]


def test_an_unknown_resource_is_refused_twice() -> None:
    assert errors(container(resources={"limits": {"disk": "1"}}))[:2] == [
        'spec.containers[0].resources.limits[disk]: Invalid value: "disk":'
        " must be a standard resource type or fully qualified",
        'spec.containers[0].resources.limits[disk]: Invalid value: "disk": must be a standard resource for containers',
    ]


def test_devices_are_counted_whole() -> None:
    assert errors(container(resources={"limits": {"example.com/gpu": "1500m"}})) == [
        f'spec.containers[0].resources.{side}[example.com/gpu]: Invalid value: "1500m": must be an integer'
        for side in ("limits", "requests")
    ]


def test_privileges_cannot_be_given_and_withheld() -> None:
    context = {"privileged": True, "allowPrivilegeEscalation": False}
    (error,) = errors(container(securityContext=context))
    assert error.endswith("cannot set `allowPrivilegeEscalation` to false and `privileged` to true")


def test_tokens_need_an_account() -> None:
    volumes = [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]
    assert errors({"volumes": volumes}) == [
        "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden:"
        " must not be specified when serviceAccountName is not set"
    ]


def test_all_that_is_wrong_is_told_in_order() -> None:
    spec = {"containers": [{"name": "c", "imagePullPolicy": "x"}], "restartPolicy": "y", "volumes": [{"name": "V"}]}
    assert [error.partition(": ")[0] for error in errors(spec)] == [
        "spec.volumes[0].name",
        "spec.containers[0].image",
        "spec.containers[0].imagePullPolicy",
        "spec.restartPolicy",
    ]


# What may change in a pod.

OLD = pod({"tolerations": [{"key": "a", "operator": "Exists"}], "activeDeadlineSeconds": 100})


def change(**spec: Any) -> list[str]:
    return [str(error) for error in validation.update(replace(OLD, spec=replace(OLD.spec, **spec)), OLD)]


def test_changes_a_pod_allows() -> None:
    image = [replace(OLD.spec.containers[0], image="other:1")]
    more = [*OLD.spec.tolerations, t.Toleration(key="b", operator="Exists")]
    assert change() == []
    assert change(containers=image, tolerations=more, active_deadline_seconds=50) == []


def test_other_changes_are_forbidden_and_shown() -> None:
    (error,) = change(containers=[replace(OLD.spec.containers[0], command=["x"])], hostname="h")
    assert error == (
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing"
        " tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
        '+ spec.containers[0].command: ["x"]\n+ spec.hostname: "h"\n'
    )


def test_containers_cannot_come_or_go() -> None:
    assert change(
        containers=[
            *OLD.spec.containers,
            t.Container(name="d", image="a", image_pull_policy="Never", termination_message_policy="File"),
        ]
    ) == ["spec.containers: Forbidden: pod updates may not add or remove containers"]


def test_tolerations_cannot_be_taken_back() -> None:
    assert change(tolerations=[]) == [
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    ]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (200, "spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value"),
        (
            None,
            "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value",
        ),
    ],
)
def test_a_deadline_only_comes_closer(seconds: int | None, expected: str) -> None:
    assert change(active_deadline_seconds=seconds) == [expected]


def test_gates_only_go() -> None:
    gated = pod({"schedulingGates": [{"name": "a.b/c"}]})
    released = replace(gated, spec=replace(gated.spec, scheduling_gates=[], node_selector={"x": "y"}))
    assert validation.update(released, gated) == []
    more = replace(gated, spec=replace(gated.spec, scheduling_gates=[t.PodSchedulingGate(name="d")]))
    assert [str(error) for error in validation.update(more, gated)] == [
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'd'"
    ]


def status_change(policy: str, exit_code: int) -> list[str]:
    ended = t.ContainerState(terminated=t.ContainerStateTerminated(exit_code=exit_code))
    running = t.ContainerState(running=t.ContainerStateRunning())

    def with_state(state: t.ContainerState) -> t.Pod:
        base = pod({"restartPolicy": policy})
        statuses = [t.ContainerStatus(name="c", state=state)]
        return replace(base, status=t.PodStatus(container_statuses=statuses, pod_ip="1.2.3.4"))

    return [str(error) for error in validation.update_status(with_state(running), with_state(ended))]


@pytest.mark.parametrize(
    ("policy", "code", "allowed"),
    [("Always", 0, True), ("OnFailure", 1, True), ("OnFailure", 0, False), ("Never", 1, False)],
)
def test_the_dead_stay_dead(policy: str, code: int, allowed: bool) -> None:
    forbidden = ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]
    assert status_change(policy, code) == ([] if allowed else forbidden)


def test_status_addresses_and_qos() -> None:
    base = replace(OLD, status=t.PodStatus(qos_class="Burstable"))
    new = replace(base, status=t.PodStatus(qos_class="Guaranteed", pod_ips=[t.PodIP(ip="x")]))
    assert [str(error).partition(": ")[0] for error in validation.update_status(new, base)] == [
        "status.qosClass",
        "status.podIPs[0]",
    ]


def test_bindings_name_a_node() -> None:
    target = t.ObjectReference(kind="Pod")
    assert [str(error) for error in validation.create(t.Binding(target=target))] == [
        'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
        "target.name: Required value",
    ]


@pytest.mark.parametrize(
    ("cost", "fine"),
    [
        ("0", True),
        ("-5", True),
        ("2147483647", True),
        ("2147483648", False),
        ("+1", False),
        ("007", False),
        ("x", False),
    ],
)
def test_what_a_pod_costs_to_delete_is_a_number(cost: str, fine: bool) -> None:
    where = "controller.kubernetes.io/pod-deletion-cost"
    refused = [f'metadata.annotations[{where}]: Invalid value: "": must be a 32bit integer']
    assert errors({}, annotations={where: cost}) == ([] if fine else refused)
    plain, costly = pod({}), pod({}, annotations={where: cost})
    assert [str(error) for error in validation.update(costly, plain)] == ([] if fine else refused)
    assert validation.update(costly, costly) == []
