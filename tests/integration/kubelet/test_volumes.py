"""Volumes as a pod sees them, and as they change under it."""

from __future__ import annotations

import base64
import contextlib
import os
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from api.types import ConfigMap, ObjectMeta, Pod, Secret
from cluster import kernel_mounts
from tests.support.kubelet_node import Pods

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


def holder(*mounts: dict[str, Any], script: str = FOREVER, **more: Any) -> dict[str, Any]:
    return {"name": "main", "command": ["sh", "-c", script], "volumeMounts": list(mounts), **more}


def mount(name: str, path: str = "/v", **more: Any) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **more}


def config_map(pods: Pods, name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=pods.namespace), data=data)


async def output(pods: Pods, name: str, script: str, *mounts: dict[str, Any], **spec: Any) -> str:
    """What a pod that runs `script` says at its end."""
    main = holder(*mounts, script=f"({script}) > /dev/termination-log 2>&1", **spec.pop("main", {}))
    await pods.create(name, main, restartPolicy="Never", **spec)

    def ended(pod: Pod) -> bool:
        return pod.status.phase in ("Succeeded", "Failed")

    pod = await pods.until(name, "ended", ended)
    state = pod.status.container_statuses[0].state.terminated
    assert state is not None
    return state.message


async def test_config_maps_and_secrets_with_modes(pods: Pods) -> None:
    await pods.client.create(config_map(pods, "cm", one="1", two="2"))
    secret = Secret(
        metadata=ObjectMeta(name="s", namespace=pods.namespace), data={"key": base64.b64encode(b"hush").decode()}
    )
    await pods.client.create(secret)
    items = [{"key": "one", "path": "deep/first", "mode": 0o400}]
    volumes = [
        {"name": "cm", "configMap": {"name": "cm", "items": items}},
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o440}},
    ]
    said = await output(
        pods,
        "reads",
        "cat /cm/deep/first /s/key; echo; stat -Lc %a /cm/deep/first /s/key; ls /cm; touch /cm/x",
        mount("cm", "/cm"),
        mount("s", "/s", readOnly=True),
        volumes=volumes,
    )
    assert said.splitlines()[:4] == ["1hush", "400", "440", "deep"]


async def test_a_config_map_volume_follows_its_object_atomically(pods: Pods) -> None:
    made = await pods.client.create(config_map(pods, "live", a="old", b="old"))
    await pods.create("follows", holder(mount("v")), volumes=[{"name": "v", "configMap": {"name": "live"}}])
    pod = await pods.ready("follows")
    place = pods.node.run_dir / "volumes" / pod.metadata.uid / "v"
    assert (place / "a").read_text() == "old"
    before = (place / "..data").readlink()
    await pods.client.update(replace(made, data={"a": "new", "c": "new"}))

    async def changed() -> bool:
        return (place / "..data").readlink() != before

    await pods.eventually("the volume shows the new content", changed)
    assert (place / "a").read_text() == "new"

    async def tidy() -> bool:
        shown = sorted(path.name for path in place.iterdir() if not path.name.startswith(".."))
        return shown == ["a", "c"] and not (place / before).exists()

    await pods.eventually("what was before is cleared away", tidy)


async def test_downward_files_follow_the_pods_labels(pods: Pods) -> None:
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    volumes = [{"name": "v", "downwardAPI": {"items": items}}]
    await pods.create("labelled", holder(mount("v")), meta={"labels": {"a": "1"}}, volumes=volumes)
    pod = await pods.ready("labelled")
    file = pods.node.run_dir / "volumes" / pod.metadata.uid / "v" / "labels"
    assert file.read_text() == 'a="1"'
    await pods.client.patch(Pod, "labelled", pods.namespace, {"metadata": {"labels": {"a": "2"}}})

    async def changed() -> bool:
        with contextlib.suppress(FileNotFoundError):  # its folder is being exchanged
            return file.read_text() == 'a="2"'
        return False

    await pods.eventually("the file shows the new label", changed)


async def test_the_service_account_volume(pods: Pods) -> None:
    said = await output(pods, "account", f"cat {ACCOUNT}/namespace {ACCOUNT}/ca.crt; echo; cut -d. -f2 {ACCOUNT}/token")
    namespace, _, claims = said.partition("CERTIFICATE\n")
    assert namespace == pods.namespace
    padded = claims.strip() + "=" * (-len(claims.strip()) % 4)
    assert f"system:serviceaccount:{pods.namespace}:default".encode() in base64.urlsafe_b64decode(padded)


async def test_a_missing_volume_source_is_told_of_and_waited_for(pods: Pods) -> None:
    volumes = [{"name": "v", "configMap": {"name": "late"}}]
    await pods.create("waits", holder(mount("v")), volumes=volumes)
    await pods.told("waits", 'MountVolume.SetUp failed for volume "v" : configmap "late" not found', "FailedMount")
    await pods.client.create(config_map(pods, "late", a="1"))
    await pods.ready("waits")


async def test_an_optional_source_may_be_missing(pods: Pods) -> None:
    volumes = [{"name": "v", "configMap": {"name": "never", "optional": True}}]
    assert await output(pods, "optional", "ls /v | wc -l", mount("v"), volumes=volumes) == "0\n"


async def test_memory_volumes_are_limited(pods: Pods) -> None:
    volumes = [{"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    said = await output(
        pods,
        "memory",
        "grep ' /v ' /proc/mounts; dd if=/dev/zero of=/v/x bs=1k count=2000",
        mount("v"),
        volumes=volumes,
    )
    assert said.startswith("tmpfs /v tmpfs")
    assert "size=1024k" in said
    assert "No space left on device" in said


async def test_sub_paths(pods: Pods) -> None:
    await pods.client.create(config_map(pods, "files", one="first", two="second"))
    volumes = [{"name": "files", "configMap": {"name": "files"}}, {"name": "data", "emptyDir": {}}]
    env = [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    said = await output(
        pods,
        "parts",
        "cat /etc/one; echo; echo x > /data/file; ls -d /whole/*",
        mount("files", "/etc/one", subPath="one"),
        mount("data", "/data", subPathExpr="of-$(NAME)"),
        mount("data", "/whole"),
        volumes=volumes,
        main={"env": env},
    )
    assert said == "first\n/whole/of-parts\n"


async def test_a_sub_path_that_is_made_may_be_written_by_the_pods_users(pods: Pods) -> None:
    said = await output(
        pods,
        "anyone",
        "stat -c '%a %g' /data; touch /data/file && echo written",
        mount("data", "/data", subPath="inner"),
        volumes=[{"name": "data", "emptyDir": {}}],
        securityContext={"runAsUser": 1000, "fsGroup": 3000},
    )
    assert said == "2777 3000\nwritten\n"


async def test_a_sub_path_does_not_lead_out_of_its_volume(pods: Pods) -> None:
    volumes = [{"name": "data", "emptyDir": {}}]
    trap = holder(mount("data"), script="ln -s /etc /v/out")
    await pods.create(
        "escapes",
        holder(mount("data", "/stolen", subPath="out")),
        initContainers=[{**trap, "name": "init", "image": "busybox"}],
        volumes=volumes,
    )

    def refused(pod: Pod) -> bool:
        waiting = pod.status.container_statuses[0].state.waiting if pod.status.container_statuses else None
        return waiting is not None and "leads out of the volume" in waiting.message

    await pods.until("escapes", "refused", refused)


async def test_host_paths_are_checked_and_made(pods: Pods) -> None:
    made = pods.node.directory / "made-for-pod"
    volumes = [{"name": "v", "hostPath": {"path": str(made), "type": "DirectoryOrCreate"}}]
    assert await output(pods, "makes", "echo hello > /v/file", mount("v"), volumes=volumes) == ""
    assert (made / "file").read_text() == "hello\n"
    wrong = [{"name": "v", "hostPath": {"path": str(made), "type": "File"}}]
    await pods.create("wrong", holder(mount("v")), volumes=wrong)
    await pods.told("wrong", f"hostPath type check failed: {made} is not a file", "FailedMount")


async def test_fs_group_owns_the_volumes(pods: Pods) -> None:
    await pods.client.create(config_map(pods, "cm", one="1"))
    volumes = [{"name": "e", "emptyDir": {}}, {"name": "c", "configMap": {"name": "cm", "defaultMode": 0o400}}]
    said = await output(
        pods,
        "grouped",
        f"stat -c %g:%a /e; cat /c/one; echo; touch /e/file && stat -c %g /e/file; cat {ACCOUNT}/namespace",
        mount("e", "/e"),
        mount("c", "/c"),
        volumes=volumes,
        securityContext={"fsGroup": 4321, "runAsUser": 1234},
    )
    assert said == f"4321:2777\n1\n4321\n{pods.namespace}"


async def test_secrets_never_touch_the_disk(pods: Pods) -> None:
    value = base64.b64encode(b"extraordinarily-secret").decode()
    secret = Secret(metadata=ObjectMeta(name="s", namespace=pods.namespace), data={"key": value})
    await pods.client.create(secret)
    volumes = [{"name": "s", "secret": {"secretName": "s"}}]
    await pods.create("keeps", holder(mount("s")), volumes=volumes)
    await pods.ready("keeps")
    # What is left of other tests' pods may go meanwhile.
    for folder, _, names in os.walk(pods.node.data_dir):
        for path in (Path(folder) / name for name in names):
            with contextlib.suppress(FileNotFoundError):
                assert not path.is_file() or b"extraordinarily-secret" not in path.read_bytes(), path
    assert kernel_mounts.is_tmpfs(pods.node.run_dir / "volumes")


async def test_an_image_volume_is_data_to_be_read(pods: Pods) -> None:
    said = await output(
        pods,
        "image",
        "ls -d /whole/bin/sh /part/sh; /whole/bin/busybox true || echo refused; touch /part/x || echo kept",
        mount("image", "/whole"),
        mount("image", "/part", subPath="bin"),
        volumes=[{"name": "image", "image": {"reference": "busybox"}}],
    )
    told = said.splitlines()
    assert told[:2] == ["/part/sh", "/whole/bin/sh"]
    assert {"refused", "kept"} < set(told)
