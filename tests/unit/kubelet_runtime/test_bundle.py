"""What runc is told about a container."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from images.oci import RunConfig
from kubelet.runtime.base import ContainerSpec, InvalidConfig, Mount, MountPropagation, Resources, SecurityContext
from kubelet.runtime.oci.bundle import Environment, build_config, command_line, linux_resources
from kubelet.runtime.oci.users import Identity

SPEC = ContainerSpec(sandbox_id="s", name="c", image="busybox", command=["run"])
IMAGE = RunConfig(env=["PATH=/bin", "A=image", "B=image"], entrypoint=["entry"], cmd=["default"], working_dir="/srv")
ENVIRONMENT = Environment(
    namespaces={"network": "/run/net", "ipc": "/run/ipc", "uts": "/run/uts", "pid": ""},
    files={"/etc/hosts": Path("/run/hosts"), "/etc/resolv.conf": Path("/run/resolv.conf")},
    shm=Path("/run/shm"),
    hostname="web-0",
    cgroup="/podling/pod1/c1",
    unified_cgroups=False,
    limits_swap=False,
)


def config(
    spec: ContainerSpec = SPEC, image: RunConfig = IMAGE, environment: Environment = ENVIRONMENT
) -> dict[str, Any]:
    return build_config(spec, image, Identity(7, 8, (9,)), Path("/rootfs"), environment)


def changed(**fields: Any) -> ContainerSpec:
    return msgspec.structs.replace(SPEC, **fields)


def mounts(built: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in built["mounts"]}


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ([], [], ["entry", "default"]),
        ([], ["mine"], ["entry", "mine"]),
        (["other"], [], ["other"]),
        (["other"], ["mine"], ["other", "mine"]),
    ],
)
def test_command_and_args_replace_the_images_as_kubernetes_says(
    command: list[str], args: list[str], expected: list[str]
) -> None:
    assert command_line(changed(command=command, args=args), IMAGE) == expected


def test_nothing_to_run_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="no command specified"):
        command_line(changed(command=[]), RunConfig())


def test_the_containers_environment_wins_over_the_images() -> None:
    environment = config(changed(env={"A": "mine", "C": "x=y"}))["process"]["env"]
    assert environment == ["PATH=/bin", "HOSTNAME=web-0", "A=mine", "B=image", "C=x=y"]
    assert "TERM=xterm" in config(changed(tty=True))["process"]["env"]


def test_the_working_folder_is_the_containers_then_the_images_then_the_root() -> None:
    assert config(changed(working_dir="/w"))["process"]["cwd"] == "/w"
    assert config()["process"]["cwd"] == "/srv"
    assert config(image=RunConfig())["process"]["cwd"] == "/"


def test_who_runs_it() -> None:
    assert config()["process"]["user"] == {"uid": 7, "gid": 8, "additionalGids": [8, 9]}


def test_namespaces_are_the_sandboxs_but_for_processes_and_mounts() -> None:
    namespaces = {each["type"]: each.get("path", "") for each in config()["linux"]["namespaces"]}
    assert namespaces == {"mount": "", "network": "/run/net", "ipc": "/run/ipc", "uts": "/run/uts", "pid": ""}


def test_the_sandboxs_files_are_mounted_and_a_mount_of_the_container_wins(tmp_path: Path) -> None:
    own = mounts(config())
    assert own["/etc/hosts"]["source"] == "/run/hosts" and own["/dev/shm"]["source"] == "/run/shm"
    given = Mount(host_path=str(tmp_path), container_path="/etc/hosts", readonly=True)
    theirs = mounts(config(changed(mounts=[given])))
    assert theirs["/etc/hosts"]["source"] == str(tmp_path)
    assert "ro" in theirs["/etc/hosts"]["options"]


def test_outer_mounts_come_before_inner_ones(tmp_path: Path) -> None:
    paths = ["/a/b/c", "/a", "/a/b"]
    given = [Mount(host_path=str(tmp_path), container_path=path) for path in paths]
    order = [mount["destination"] for mount in config(changed(mounts=given))["mounts"]]
    assert order.index("/a") < order.index("/a/b") < order.index("/a/b/c")
    assert order.index("/dev") < order.index("/dev/pts")


def test_propagation(tmp_path: Path) -> None:
    def built(propagation: MountPropagation) -> dict[str, Any]:
        given = Mount(host_path=str(tmp_path), container_path="/m", propagation=propagation)
        return config(changed(mounts=[given]))

    assert "rprivate" in mounts(built(MountPropagation.NONE))["/m"]["options"]
    assert "rslave" in mounts(built(MountPropagation.HOST_TO_CONTAINER))["/m"]["options"]
    assert built(MountPropagation.HOST_TO_CONTAINER)["linux"]["rootfsPropagation"] == "rslave"
    assert "rshared" in mounts(built(MountPropagation.BIDIRECTIONAL))["/m"]["options"]
    assert built(MountPropagation.BIDIRECTIONAL)["linux"]["rootfsPropagation"] == "rshared"


def test_mounts_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="not absolute"):
        config(changed(mounts=[Mount(host_path=str(tmp_path), container_path="relative")]))
    with pytest.raises(InvalidConfig, match="does not exist"):
        config(changed(mounts=[Mount(host_path="/nowhere/at/all", container_path="/m")]))


def test_an_ordinary_container_is_confined() -> None:
    linux = config()["linux"]
    assert "/proc/kcore" in linux["maskedPaths"] and "/proc/sys" in linux["readonlyPaths"]
    assert linux["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert linux["resources"]["devices"] == [{"allow": False, "access": "rwm"}]
    assert "ro" in mounts(config())["/sys"]["options"]


def test_a_privileged_container_is_not() -> None:
    built = config(changed(security=SecurityContext(privileged=True)))
    assert "maskedPaths" not in built["linux"] and "seccomp" not in built["linux"]
    assert built["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "rw" in mounts(built)["/sys"]["options"]
    assert any(device["path"] == "/dev/null" for device in built["linux"]["devices"])


def test_seccomp_profiles(tmp_path: Path) -> None:
    def with_profile(profile: str) -> ContainerSpec:
        return changed(security=SecurityContext(seccomp=profile))

    assert "seccomp" not in config(with_profile("Unconfined"))["linux"]
    file = tmp_path / "mine.json"
    file.write_text('{"defaultAction": "SCMP_ACT_LOG"}')
    assert config(with_profile(str(file)))["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_LOG"}
    with pytest.raises(InvalidConfig, match=r"^cannot load seccomp profile .*missing.json: No such file or directory$"):
        config(with_profile(str(tmp_path / "missing.json")))
    file.write_text("[]")
    with pytest.raises(InvalidConfig, match="is not a seccomp profile"):
        config(with_profile(str(file)))


def test_a_read_only_root_has_read_only_files() -> None:
    built = config(changed(security=SecurityContext(readonly_root=True)))
    assert built["root"]["readonly"] is True
    assert "ro" in mounts(built)["/etc/hosts"]["options"]


def test_only_limits_that_are_set_are_told() -> None:
    assert linux_resources(Resources(), False, True) == {"cpu": {}}
    limits = linux_resources(Resources(cpu_shares=512, memory_limit_bytes=1 << 20, pids_limit=5), False, False)
    assert limits == {"cpu": {"shares": 512}, "memory": {"limit": 1 << 20}, "pids": {"limit": 5}}


def test_a_memory_limit_leaves_no_swap_where_swap_is_counted() -> None:
    assert linux_resources(Resources(memory_limit_bytes=5), False, True)["memory"] == {"limit": 5, "swap": 5}


def test_on_v2_running_out_of_memory_ends_the_whole_container() -> None:
    assert linux_resources(Resources(), True, True)["unified"] == {"memory.oom.group": "1"}
    unified = Environment(**{**vars(ENVIRONMENT), "unified_cgroups": True})
    assert {"type": "cgroup"} in config(environment=unified)["linux"]["namespaces"]


def test_no_container_is_made_safer_from_the_oom_killer_than_the_kubelet_may_make_it() -> None:
    bounded = Environment(**{**vars(ENVIRONMENT), "least_oom_score_adj": 5})
    scores = [
        config(changed(resources=Resources(oom_score_adj=-997)), environment=each)["process"]["oomScoreAdj"]
        for each in (ENVIRONMENT, bounded)
    ]
    assert scores == [-997, 5]
