"""The OCI runtime config of a container: what runc is told. Pure.

Modelled on containerd's and Docker's defaults: the same mounts, masked and read-only paths, devices and limits.
Source of the form: OCI runtime-spec 1.0.2, config.md and config-linux.md.
"""

from __future__ import annotations

import json
import os
import resource
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.seccomp import default_profile
from images.oci import RunConfig

from ..base import ContainerSpec, Device, InvalidConfig, Mount, MountPropagation, Resources
from . import capabilities
from .user_namespaces import RANGE
from .users import Identity

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MASKED = (
    *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"),
    "/sys/devices/virtual/powercap",
)
_READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_SAFE = ["nosuid", "noexec", "nodev"]
_PROPAGATION = {
    MountPropagation.NONE: "rprivate",
    MountPropagation.HOST_TO_CONTAINER: "rslave",
    MountPropagation.BIDIRECTIONAL: "rshared",
}


@dataclass(frozen=True)
class Environment:
    """What a container gets from its sandbox and machine.

    `namespaces` maps OCI kinds (`network`, `ipc`, `uts`, `pid`) to the path to enter, or "" for a new one; kinds left
    out are the kubelet's own. `files` maps paths in the container to the sandbox's files; `shm` is its /dev/shm.
    `capabilities` are all the machine can give; `least_oom_score_adj` is the lowest the kubelet may set. `first_id` is
    the machine's number for the container's user 0: 0 unless it is in a user namespace.
    """

    namespaces: Mapping[str, str]
    files: Mapping[str, Path]
    shm: Path
    hostname: str
    cgroup: str
    unified_cgroups: bool
    limits_swap: bool
    capabilities: frozenset[str] = capabilities.ALL
    least_oom_score_adj: int = -1000
    first_id: int = 0


def command_line(spec: ContainerSpec, image: RunConfig) -> list[str]:
    """The arguments, by Kubernetes' rule: a given command drops the image's. Raises InvalidConfig without any."""
    if spec.command:
        arguments = [*spec.command, *spec.args]
    else:
        arguments = [*(image.entrypoint or ()), *(spec.args or image.cmd or ())]
    if not arguments:
        raise InvalidConfig(f"no command specified: neither container {spec.name!r} nor its image has one")
    return arguments


def build_config(
    spec: ContainerSpec, image: RunConfig, identity: Identity, rootfs: Path, environment: Environment
) -> dict[str, Any]:
    """The whole config.json. Raises InvalidConfig."""
    security = spec.security
    granted = capabilities.granted(
        security.add_capabilities, security.drop_capabilities, security.privileged, environment.capabilities
    )
    config: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": _process(spec, image, identity, granted, environment),
        "root": {"path": str(rootfs), "readonly": security.readonly_root},
        "mounts": _mounts(spec, environment),
        "linux": _linux(spec, granted, environment),
        "annotations": dict(spec.annotations),
    }
    return config


def linux_resources(resources: Resources, unified_cgroups: bool, limits_swap: bool) -> dict[str, Any]:
    """`linux.resources` for the limits that are set; -1 takes one away."""
    cpu = {"shares": resources.cpu_shares, "quota": resources.cpu_quota, "period": resources.cpu_period}
    limits: dict[str, Any] = {"cpu": {name: value for name, value in cpu.items() if value}}
    if resources.memory_limit_bytes:
        limits["memory"] = {"limit": resources.memory_limit_bytes}
        if limits_swap:
            limits["memory"]["swap"] = resources.memory_limit_bytes
    if resources.pids_limit:
        limits["pids"] = {"limit": resources.pids_limit}
    if unified_cgroups:
        # The kubelet's default: running out of memory ends the container, never a part of it.
        limits["unified"] = {"memory.oom.group": "1"}
    return limits


def _process(
    spec: ContainerSpec, image: RunConfig, identity: Identity, granted: list[str], environment: Environment
) -> dict[str, Any]:
    # Servers need many open files, whatever little the kubelet itself was started with.
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "terminal": spec.tty,
        "user": {"uid": identity.uid, "gid": identity.gid, "additionalGids": identity.all_groups},
        "args": command_line(spec, image),
        "env": [f"{name}={value}" for name, value in _variables(spec, image, environment.hostname).items()],
        "cwd": spec.working_dir or image.working_dir or "/",
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), granted),
        "noNewPrivileges": spec.security.no_new_privileges,
        "oomScoreAdj": max(spec.resources.oom_score_adj, environment.least_oom_score_adj),
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": files, "hard": files}],
    }


def _variables(spec: ContainerSpec, image: RunConfig, hostname: str) -> dict[str, str]:
    variables = {"PATH": _PATH, "HOSTNAME": hostname}
    if spec.tty:
        variables["TERM"] = "xterm"
    for assignment in image.env or ():
        name, _, value = assignment.partition("=")
        variables[name] = value
    return {**variables, **spec.env}


def _mounts(spec: ContainerSpec, environment: Environment) -> list[dict[str, Any]]:
    """The runtime's own mounts, then the container's; a path the container mounts itself is left to it."""
    privileged = spec.security.privileged
    access = "rw" if privileged else "ro"
    tmpfs = ["nosuid", "strictatime", "mode=755", "size=65536k"]
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    own = [
        _mount("/proc", "proc", "proc", _SAFE),
        _mount("/dev", "tmpfs", "tmpfs", tmpfs),
        _mount("/dev/pts", "devpts", "devpts", terminals),
        _mount("/dev/mqueue", "mqueue", "mqueue", _SAFE),
        _mount("/sys", "sysfs", "sysfs", [*_SAFE, access]),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", [*_SAFE, "relatime", access]),
        _bind("/dev/shm", environment.shm, "rw"),
    ]
    access = "ro" if spec.security.readonly_root else "rw"
    own += [_bind(path, file, access) for path, file in environment.files.items()]
    mounts = {each["destination"]: each for each in own}
    for mount in spec.mounts:
        given = _volume(spec, mount)
        mounts[given["destination"]] = given
    # Outer paths first, or they would hide what is mounted below them.
    return sorted(mounts.values(), key=lambda each: each["destination"].rstrip("/").count("/"))


def _volume(spec: ContainerSpec, mount: Mount) -> dict[str, Any]:
    if not mount.container_path.startswith("/"):
        raise InvalidConfig(f"container {spec.name!r}: mount path {mount.container_path!r} is not absolute")
    if not Path(mount.host_path).exists():
        raise InvalidConfig(f"container {spec.name!r}: {mount.host_path} does not exist and cannot be mounted")
    destination = mount.container_path.rstrip("/") or "/"
    access = "rro" if mount.recursively_readonly else "ro" if mount.readonly else "rw"
    bound = _bind(destination, Path(mount.host_path), access, mount.propagation)
    return {**bound, "options": [*bound["options"], "noexec"]} if mount.noexec else bound


def _bind(
    destination: str, source: Path, access: str, propagation: MountPropagation = MountPropagation.NONE
) -> dict[str, Any]:
    return _mount(destination, "bind", str(source), ["rbind", _PROPAGATION[propagation], access])


def _mount(destination: str, kind: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": options}


def _linux(spec: ContainerSpec, granted: list[str], environment: Environment) -> dict[str, Any]:
    security = spec.security
    namespaces = [{"type": "mount"}]
    namespaces += [
        {"type": kind, "path": path} if path else {"type": kind} for kind, path in environment.namespaces.items()
    ]
    if environment.unified_cgroups and not security.privileged:
        namespaces.append({"type": "cgroup"})
    resources = linux_resources(spec.resources, environment.unified_cgroups, environment.limits_swap)
    resources["devices"] = [{"allow": security.privileged, "access": "rwm"}]
    linux: dict[str, Any] = {
        "namespaces": namespaces,
        "resources": resources,
        "cgroupsPath": environment.cgroup,
    }
    if security.masked_paths and not security.privileged:
        linux["maskedPaths"] = list(_MASKED)
        linux["readonlyPaths"] = list(_READONLY)
    devices = [_device(spec, device) for device in spec.devices]
    resources["devices"] += [
        {"allow": True, "type": each["type"], "major": each["major"], "minor": each["minor"], "access": device.access}
        for each, device in zip(devices, spec.devices, strict=True)
    ]
    if devices:
        linux["devices"] = devices
    if security.privileged:
        linux["devices"] = [*_host_devices(), *devices]
    elif security.seccomp != "Unconfined":
        linux["seccomp"] = _seccomp(security.seccomp, granted)
    if environment.first_id:
        ids = [{"containerID": 0, "hostID": environment.first_id, "size": RANGE}]
        linux |= {"uidMappings": ids, "gidMappings": ids}
    propagations = {mount.propagation for mount in spec.mounts}
    if MountPropagation.BIDIRECTIONAL in propagations:
        linux["rootfsPropagation"] = "rshared"
    elif MountPropagation.HOST_TO_CONTAINER in propagations:
        linux["rootfsPropagation"] = "rslave"
    return linux


def _seccomp(profile: str, granted: list[str]) -> dict[str, Any]:
    if profile == "RuntimeDefault":
        return default_profile(tuple(granted))
    try:
        loaded = json.loads(Path(profile).read_bytes())
    except OSError as error:
        raise InvalidConfig(f"cannot load seccomp profile {profile}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidConfig(f"cannot load seccomp profile {profile}: {error}") from error
    if not isinstance(loaded, dict) or "defaultAction" not in loaded:
        raise InvalidConfig(f"{profile} is not a seccomp profile: it has no defaultAction")
    return loaded


def _device(spec: ContainerSpec, device: Device) -> dict[str, Any]:
    try:
        status = Path(device.host_path).stat()
    except OSError as error:
        text = f"container {spec.name!r}: cannot use device {device.host_path}: {error.strerror}"
        raise InvalidConfig(text) from error
    kind = "c" if stat.S_ISCHR(status.st_mode) else "b" if stat.S_ISBLK(status.st_mode) else ""
    if not kind:
        raise InvalidConfig(f"container {spec.name!r}: {device.host_path} is not a device")
    return _device_node(device.container_path, kind, status)


def _device_node(path: str, kind: str, status: os.stat_result) -> dict[str, Any]:
    return {
        "path": path,
        "type": kind,
        "fileMode": stat.S_IMODE(status.st_mode),
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "uid": status.st_uid,
        "gid": status.st_gid,
    }


def _host_devices() -> list[dict[str, Any]]:
    """All devices of the machine, for a privileged container; terminals and the runtime's own are not among them."""
    devices = []
    left_out = {"pts", "shm", "fd", "mqueue", "console", "ptmx"}
    for path in sorted(Path("/dev").rglob("*")):
        if path.relative_to("/dev").parts[0] in left_out or path.is_symlink():
            continue
        status = path.stat()
        kind = "c" if stat.S_ISCHR(status.st_mode) else "b" if stat.S_ISBLK(status.st_mode) else ""
        if kind:
            devices.append(_device_node(str(path), kind, status))
    return devices
