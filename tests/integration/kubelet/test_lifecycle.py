"""Pods from their start to their end, on a real node."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from msgspec.structs import replace

from api.types import ConfigMap, ObjectMeta, Pod, ServiceAccount
from cluster.client import PatchKind
from tests.support.kubelet_node import NODE, NodeUnderTest, Pods, condition


def shell(name: str, script: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sh", "-c", script], **more}


def restarts(pod: Pod) -> int:
    return sum(status.restart_count for status in pod.status.container_statuses)


FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
# A probe that asks often and is not taken in by a machine that is slow.
PATIENT = {"periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 60}


async def test_a_pod_runs_with_address_identity_and_status(pods: Pods) -> None:
    await pods.create("web", shell("main", FOREVER), meta={"labels": {"app": "web"}})
    pod = await pods.ready("web")
    status = pod.status
    assert status.phase == "Running"
    assert status.pod_ip.startswith("10.217.1.")
    assert [found.ip for found in status.pod_ips] == [status.pod_ip]
    assert status.host_ip == pods.node.node_ip
    assert status.qos_class == "BestEffort"
    (main,) = status.container_statuses
    assert main.container_id.startswith("runc://")
    assert main.image_id
    assert (main.ready, main.started, main.restart_count) == (True, True, 0)
    for type in ("PodReadyToStartContainers", "Initialized", "ContainersReady", "PodScheduled"):
        assert condition(pod, type) == "True", type
    events = await pods.events("web", "Pulled", "Created", "Started")
    assert events["Pulled"] == 'Container image "busybox" already present on machine and can be accessed by the pod'
    assert events["Created"] == "Created container: main"
    assert events["Started"] == "Started container main"


async def test_init_containers_then_a_sidecar_then_the_others(pods: Pods) -> None:
    shared = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    await pods.create(
        "ordered",
        shell("main", f"echo main >> /shared/order; {FOREVER}", **shared),
        initContainers=[
            {"image": "busybox", **shell("one", "sleep 0.2; echo one >> /shared/order", **shared)},
            {
                "image": "busybox",
                "restartPolicy": "Always",
                "startupProbe": {"exec": {"command": ["test", "-e", "/shared/up"]}, **PATIENT},
                **shell("side", f"echo side >> /shared/order; sleep 0.3; touch /shared/up; {FOREVER}", **shared),
            },
            {"image": "busybox", **shell("two", "test -e /shared/up && echo two >> /shared/order", **shared)},
        ],
        volumes=[{"name": "shared", "emptyDir": {}}],
    )
    pod = await pods.ready("ordered")
    uid = pod.metadata.uid
    order = pods.node.data_dir / "pods" / uid / "volumes" / "kubernetes.io~empty-dir" / "shared" / "order"

    async def all_were_here() -> bool:
        return order.read_text().split() == ["one", "side", "two", "main"]

    await pods.eventually("each container wrote in its turn", all_were_here)
    assert [status.ready for status in pod.status.init_container_statuses] == [True, True, True]


async def test_a_pod_that_ends_well_has_succeeded(pods: Pods) -> None:
    await pods.create("job", shell("main", "echo done > /dev/termination-log"), restartPolicy="Never")
    pod = await pods.phase("job", "Succeeded")
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason, ended.message) == (0, "Completed", "done\n")
    ready = next(found for found in pod.status.conditions if found.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "PodCompleted")


async def test_a_pod_that_fails_has_failed_and_its_log_is_its_message(pods: Pods) -> None:
    script = "echo what went wrong >&2; exit 3"
    main = shell("main", script, terminationMessagePolicy="FallbackToLogsOnError")
    await pods.create("job", main, restartPolicy="Never")
    pod = await pods.phase("job", "Failed")
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason, ended.message) == (3, "Error", "what went wrong\n")


async def test_a_crashing_container_backs_off(pods: Pods) -> None:
    await pods.create("crash", shell("main", "exit 1"))

    def looping(pod: Pod) -> bool:
        states = [status.state.waiting for status in pod.status.container_statuses]
        return any(waiting is not None and waiting.reason == "CrashLoopBackOff" for waiting in states)

    pod = await pods.until("crash", "CrashLoopBackOff", looping)
    (main,) = pod.status.container_statuses
    assert main.restart_count == 1
    assert main.last_state.terminated is not None
    assert main.last_state.terminated.exit_code == 1
    assert main.state.waiting is not None
    assert main.state.waiting.message.startswith("back-off 10s restarting failed container=main pod=crash_")
    events = await pods.events("crash", "BackOff")
    assert events["BackOff"].startswith("Back-off restarting failed container main in pod crash_")


async def test_a_container_out_of_memory_is_reported_so(pods: Pods) -> None:
    limited = {"resources": {"limits": {"memory": "16Mi"}}}
    await pods.create("hungry", shell("main", "x=a; while :; do x=$x$x; done", **limited), restartPolicy="Never")
    pod = await pods.phase("hungry", "Failed")
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.reason, ended.exit_code) == ("OOMKilled", 137)


async def test_deletion_runs_the_hook_then_ends_the_container_within_its_grace(pods: Pods) -> None:
    out = {"volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /out/log"]}}}
    script = "trap 'echo term >> /out/log; exit 0' TERM; touch /out/up; while :; do sleep 0.05; done"
    directory = pods.node.directory / "out-hook"
    directory.mkdir()
    await pods.create(
        "polite",
        shell("main", script, lifecycle=hook, **out),
        volumes=[{"name": "out", "hostPath": {"path": str(directory)}}],
        # More than is waited for: the container ends by itself, and nobody waits for the whole grace.
        terminationGracePeriodSeconds=600,
    )

    async def up() -> bool:
        return (directory / "up").exists()

    await pods.eventually("the container listens for SIGTERM", up)
    await pods.ready("polite")
    await pods.delete("polite")
    assert (directory / "log").read_text().split() == ["hook", "term"]
    events = await pods.events("polite", "Killing")
    assert events["Killing"] == "Stopping container main"


async def test_a_container_that_ignores_sigterm_is_killed_when_its_grace_is_over(pods: Pods) -> None:
    await pods.create("stubborn", shell("main", "trap '' TERM; while :; do sleep 0.05; done"))
    await pods.ready("stubborn")
    began = time.monotonic()
    await pods.delete("stubborn", grace_period_seconds=3)
    assert time.monotonic() - began > 2.5


async def test_a_deleted_pod_leaves_nothing_behind(pods: Pods, node: NodeUnderTest) -> None:
    memory = {"name": "memory", "emptyDir": {"medium": "Memory"}}
    mounts = [{"name": "memory", "mountPath": "/m"}, {"name": "memory", "mountPath": "/sub", "subPath": "sub"}]
    await pods.create("tidy", shell("main", FOREVER, volumeMounts=mounts), volumes=[memory])
    pod = await pods.ready("tidy")
    directory = node.pod_directory(pod)
    assert directory.is_dir()
    await pods.delete("tidy", grace_period_seconds=1)

    async def gone() -> bool:
        return not directory.exists() and not any(pod.metadata.uid in left for left in node.leftovers())

    await pods.eventually("no folder, mount or process of the pod", gone)
    assert not list((node.data_dir / "logs").glob(f"*{pod.metadata.uid}"))


async def test_an_object_deleted_by_force_takes_its_containers_along(pods: Pods, node: NodeUnderTest) -> None:
    await pods.create("forced", shell("main", FOREVER))
    pod = await pods.ready("forced")
    await pods.delete("forced", grace_period_seconds=0)

    async def gone() -> bool:
        return not node.pod_directory(pod).exists()

    await pods.eventually("the node has ended the pod", gone)


async def test_liveness_restarts_a_container_and_says_so(pods: Pods) -> None:
    probe = {"exec": {"command": ["test", "-e", "/alive"]}, **PATIENT, "failureThreshold": 1}
    script = f"touch /alive; sleep 1; rm /alive; {FOREVER}"
    await pods.create("sick", shell("main", script, livenessProbe={**probe, "initialDelaySeconds": 1}))
    await pods.until("sick", "restarted", lambda pod: restarts(pod) >= 1)
    events = await pods.events("sick", "Unhealthy", "Killing")
    assert events["Unhealthy"].startswith("Liveness probe failed: ")
    assert events["Killing"] == "Container main failed liveness probe, will be restarted"


async def test_readiness_follows_the_probe_both_ways(pods: Pods) -> None:
    directory = pods.node.directory / "readiness"
    directory.mkdir()
    probe = {
        "exec": {"command": ["test", "-e", "/flag/ready"]},
        **PATIENT,
        "failureThreshold": 1,
    }
    mounts = [{"name": "flag", "mountPath": "/flag"}]
    await pods.create(
        "moody",
        shell("main", FOREVER, readinessProbe=probe, volumeMounts=mounts),
        volumes=[{"name": "flag", "hostPath": {"path": str(directory)}}],
    )
    pod = await pods.phase("moody", "Running")
    assert condition(pod, "Ready") == "False"
    (directory / "ready").touch()
    await pods.ready("moody")
    (directory / "ready").unlink()
    await pods.until("moody", "not ready", lambda pod: condition(pod, "Ready") == "False")


async def test_network_probes_reach_the_pod(pods: Pods) -> None:
    tcp = {"tcpSocket": {"port": "http"}, **PATIENT}
    get = {"httpGet": {"path": "/index.html", "port": "http"}, **PATIENT}
    script = "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www"
    ports = [{"name": "http", "containerPort": 8080}]
    await pods.create("served", shell("main", script, ports=ports, livenessProbe=tcp, readinessProbe=get))
    await pods.ready("served")
    missing = {"httpGet": {"path": "/missing", "port": 8080}, **PATIENT}
    await pods.create("broken", shell("main", script, ports=ports, readinessProbe=missing))
    await pods.told("broken", "Readiness probe failed: HTTP probe failed with statuscode: 404")


async def test_a_missing_image_is_told_of_with_what_to_do(pods: Pods) -> None:
    await pods.create("lost", {"name": "main", "image": "127.0.0.1:1/no-such-image"})

    def waiting(pod: Pod) -> bool:
        states = [status.state.waiting for status in pod.status.container_statuses]
        return any(state is not None and state.reason in ("ErrImagePull", "ImagePullBackOff") for state in states)

    pod = await pods.until("lost", "ErrImagePull", waiting)
    assert pod.status.phase == "Pending"
    events = await pods.events("lost", "Failed", "Pulling")
    assert events["Pulling"] == 'Pulling image "127.0.0.1:1/no-such-image"'


async def test_a_missing_config_map_is_waited_for(pods: Pods) -> None:
    env = [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "x"}}}]
    await pods.create("waits", shell("main", FOREVER, env=env))

    def refused(pod: Pod) -> bool:
        waiting = pod.status.container_statuses[0].state.waiting if pod.status.container_statuses else None
        return waiting is not None and waiting.reason == "CreateContainerConfigError"

    pod = await pods.until("waits", "CreateContainerConfigError", refused)
    waiting = pod.status.container_statuses[0].state.waiting
    assert waiting is not None
    assert waiting.message == 'configmap "late" not found'
    await pods.client.create(ConfigMap(metadata=ObjectMeta(name="late", namespace=pods.namespace), data={"x": "1"}))
    await pods.ready("waits")


async def test_a_command_that_is_not_there_is_a_start_error(pods: Pods) -> None:
    await pods.create("typo", {"name": "main", "command": ["/no/such/program"]}, restartPolicy="Never")
    pod = await pods.phase("typo", "Failed")
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.reason, ended.exit_code) == ("StartError", 128)
    await pods.events("typo", "Failed")


async def test_a_pod_too_large_for_the_node_is_refused(pods: Pods) -> None:
    await pods.create("large", shell("main", FOREVER, resources={"requests": {"cpu": "3"}}))
    pod = await pods.phase("large", "Failed")
    assert pod.status.reason == "OutOfcpu"
    assert pod.status.message.startswith("Pod was rejected: Node didn't have enough resource: cpu, requested: 3000")
    events = await pods.events("large", "OutOfcpu")
    assert "capacity: 2000" in events["OutOfcpu"]


async def test_the_active_deadline_ends_a_pod(pods: Pods) -> None:
    await pods.create("slow", shell("main", FOREVER), activeDeadlineSeconds=1)
    pod = await pods.phase("slow", "Failed")
    assert (pod.status.reason, pod.status.message) == (
        "DeadlineExceeded",
        "Pod was active on the node longer than the specified deadline",
    )
    await pods.events("slow", "DeadlineExceeded")


async def test_a_post_start_hook_holds_the_container_back_and_its_failure_restarts_it(pods: Pods) -> None:
    fails = {"postStart": {"exec": {"command": ["sh", "-c", "exit 7"]}}}
    await pods.create("hooked", shell("main", FOREVER, lifecycle=fails))
    events = await pods.events("hooked", "FailedPostStartHook", "Killing")
    assert events["FailedPostStartHook"].startswith("PostStartHook failed")
    await pods.until("hooked", "restarted", lambda pod: restarts(pod) >= 1)


async def test_readiness_gates_are_others_to_set_and_are_kept(pods: Pods) -> None:
    gates = [{"conditionType": "example.com/lb"}]
    await pods.create("gated", shell("main", FOREVER), readinessGates=gates)
    await pods.until("gated", "containers ready", lambda pod: condition(pod, "ContainersReady") == "True")
    assert condition(await pods.get("gated"), "Ready") == "False"
    body = {"status": {"conditions": [{"type": "example.com/lb", "status": "True"}]}}
    await pods.client.patch(Pod, "gated", pods.namespace, body, kind=PatchKind.STRATEGIC, subresource="status")
    pod = await pods.ready("gated")
    assert condition(pod, "example.com/lb") == "True"


async def test_an_image_changed_in_place_restarts_the_container(pods: Pods) -> None:
    await pods.create("changed", shell("main", FOREVER))
    before = await pods.ready("changed")
    body = {"spec": {"containers": [{"name": "main", "image": "python"}]}}
    await pods.client.patch(Pod, "changed", pods.namespace, body, kind=PatchKind.STRATEGIC)

    def replaced(pod: Pod) -> bool:
        (main,) = pod.status.container_statuses
        old = before.status.container_statuses[0].container_id
        return main.ready and main.container_id != old and main.restart_count == 1

    await pods.until("changed", "runs the other image", replaced)
    events = await pods.events("changed", "Killing")
    assert events["Killing"] == "Container main definition changed, will be restarted"


async def test_many_pods_at_once(pods: Pods) -> None:
    names = [f"many-{number}" for number in range(12)]
    await asyncio.gather(*(pods.create(name, shell("main", FOREVER)) for name in names))
    ready = [await pods.ready(name) for name in names]
    assert len({pod.status.pod_ip for pod in ready}) == len(names)


async def test_a_pod_of_an_account_that_has_no_token_still_starts(pods: Pods) -> None:
    account = await pods.client.get(ServiceAccount, "default", pods.namespace)
    await pods.client.update(replace(account, automount_service_account_token=False))
    await pods.create("plain", shell("main", FOREVER))
    pod = await pods.ready("plain")
    assert pod.spec.volumes == []
    assert pod.spec.node_name == NODE


@pytest.mark.parametrize("policy", ["ClusterFirst", "Default"])
async def test_host_network_pods_have_the_nodes_address(pods: Pods, policy: str) -> None:
    await pods.create("host", shell("main", FOREVER), hostNetwork=True, dnsPolicy=policy)
    pod = await pods.ready("host")
    assert pod.status.pod_ip == pods.node.node_ip
