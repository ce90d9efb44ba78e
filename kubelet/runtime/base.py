"""The interface between the kubelet and what runs its pods, shaped like Kubernetes' CRI (runtime.v1).

The kubelet decides; a `Runtime` carries out. It knows sandboxes (the namespaces a pod's containers share) and
containers, never Pod objects. Its records survive a restart of the kubelet: whatever `list_sandboxes` and
`list_containers` return is read from disk and from the kernel, so a new kubelet process finds its pods again.

All calls are idempotent where CRI's are: stopping what is stopped and removing what is gone succeed. Times
are nanoseconds since the epoch, `0` when it has not happened. Paths are absolute paths on the host.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec


class RuntimeFailure(Exception):
    """The runtime could not do what was asked. The text is for people: what happened, to which object."""


class NotFound(RuntimeFailure):
    """No such sandbox or container."""


class ImageNotPresent(RuntimeFailure):
    """The image store has no image of this name."""


class InvalidConfig(RuntimeFailure):
    """The request can never work as it stands: an unknown user name, no command.

    Upstream's kubelet shows it as CreateContainerConfigError.
    """


class StartFailure(RuntimeFailure):
    """The container's process could not be started. Its status then says EXITED, 128, `StartError` (containerd)."""


class NotRunning(RuntimeFailure):
    """The call needs a running container (exec, attach) and this one is not."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What runs the containers; `Node.status.nodeInfo.containerRuntimeVersion` is `name://version`."""

    name: str
    version: str


class PortMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A container port reachable on the node's own addresses (`hostPort`). Protocol is TCP, UDP or SCTP."""

    host_port: int
    container_port: int
    protocol: str = "TCP"
    host_ip: str = ""


class SandboxSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod's sandbox shall be. `attempt` counts a pod's sandboxes from 0.

    `resolv_conf` and `hosts` are the texts of /etc/resolv.conf and /etc/hosts in every container; an empty
    one means a minimal file of the runtime's own. The pod's address is not known yet, so a kubelet that
    writes a hosts file naming it mounts that file into each container instead: a mount in
    `ContainerSpec.mounts` always wins over the runtime's own mount of the same path. With `no_network` it has a network
    of its own with nothing but loopback, and no address. `cgroup_parent` is the pod's cgroup ("/a/b/pod<uid>"); the
    caller makes it.
    """

    pod_uid: str
    pod_name: str
    pod_namespace: str
    attempt: int = 0
    hostname: str = ""
    log_directory: str = ""
    cgroup_parent: str = ""
    host_network: bool = False
    no_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    user_namespace: bool = False
    resolv_conf: str = ""
    hosts: str = ""
    sysctls: dict[str, str] = {}
    port_mappings: list[PortMapping] = []
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SandboxState(enum.Enum):
    """READY: its namespaces stand and its address is routed. NOT_READY: stopped, or lost (a reboot)."""

    READY = "SANDBOX_READY"
    NOT_READY = "SANDBOX_NOTREADY"


class SandboxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox as it is. `ip` is empty for host-network sandboxes, `second_ip` unless the cluster is dual-stack.

    `network_namespace` is a path that can be entered.
    """

    id: str
    spec: SandboxSpec
    state: SandboxState
    created_at: int
    ip: str = ""
    network_namespace: str = ""
    second_ip: str = ""

    @property
    def ips(self) -> list[str]:
        """Those it has."""
        return [ip for ip in (self.ip, self.second_ip) if ip]


class MountPropagation(enum.Enum):
    """Values of `volumeMounts[].mountPropagation`."""

    NONE = "None"
    HOST_TO_CONTAINER = "HostToContainer"
    BIDIRECTIONAL = "Bidirectional"


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder of the host bound into the container. noexec: nothing in it may be executed."""

    host_path: str
    container_path: str
    readonly: bool = False
    recursively_readonly: bool = False
    noexec: bool = False
    propagation: MountPropagation = MountPropagation.NONE


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the host as the container finds it. `access`: of r, w and m (make nodes for it)."""

    host_path: str
    container_path: str
    access: str = "rwm"


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one cgroup. 0 means "not set"; cpu times are microseconds.

    `pids_limit` -1 or 0 means none. `memory_request_bytes` is what a container was promised, None when not known: no
    kernel hears of it, but a resize may ask for a restart when it changes.
    """

    cpu_shares: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0
    memory_limit_bytes: int = 0
    memory_request_bytes: int | None = None
    pids_limit: int = 0
    oom_score_adj: int = 0


class SecurityContext(msgspec.Struct, frozen=True, kw_only=True):
    """Who the container's process is and what it may do. `None` for uid and gid means: as the image says.

    Capabilities are named as in Pods, without `CAP_`; `ALL` is understood. `seccomp` is `RuntimeDefault`,
    `Unconfined`, or the path of a profile in Docker's JSON form. `masked_paths=False` is `procMount:
    Unmasked`. `strict_groups` leaves out the groups the image gives the user.
    """

    uid: int | None = None
    gid: int | None = None
    supplemental_groups: list[int] = []
    add_capabilities: list[str] = []
    drop_capabilities: list[str] = []
    privileged: bool = False
    readonly_root: bool = False
    no_new_privileges: bool = False
    seccomp: str = "RuntimeDefault"
    masked_paths: bool = True
    strict_groups: bool = False


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a container shall be. `attempt` counts the restarts of this name in its pod.

    `command` replaces the image's entrypoint, `args` its command, by Kubernetes' rule: a given command drops
    the image's command too. `env` overrides the image's. `stop_signal` overrides the image's ("SIGTERM"
    form). `target_id` is the container whose process namespace it enters. The log is written to `log_path`
    (absolute) in the CRI format, or nowhere when empty.
    """

    sandbox_id: str
    name: str
    image: str
    attempt: int = 0
    command: list[str] = []
    args: list[str] = []
    env: dict[str, str] = {}
    working_dir: str = ""
    mounts: list[Mount] = []
    devices: list[Device] = []
    resources: Resources = Resources()
    security: SecurityContext = SecurityContext()
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    log_path: str = ""
    stop_signal: str = ""
    target_id: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a process's user, group and all its groups."""

    uid: int
    gid: int
    groups: list[int] = []


class ContainerState(enum.Enum):
    """CREATED: prepared, never started. EXITED: its first process ended, or it could not be started."""

    CREATED = "CONTAINER_CREATED"
    RUNNING = "CONTAINER_RUNNING"
    EXITED = "CONTAINER_EXITED"


class ContainerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A container as it is.

    `reason` is what `terminated.reason` shows: `Completed`, `Error`, `OOMKilled`, `StartError`, or
    `ContainerStatusUnknown` when nobody saw it end (code 255). A container killed by a signal has 128 + its
    number as code. `oom_killed` says the container ended by the kernel's out-of-memory kill; `oom_kills`
    counts every process of it so killed, children included.
    """

    id: str
    sandbox_id: str
    pod_uid: str
    spec: ContainerSpec
    state: ContainerState
    image_id: str
    created_at: int
    pid: int = 0
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    oom_kills: int = 0
    reason: str = ""
    message: str = ""
    user: User | None = None


class ImageStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An image of the store. `uid` is set when its user is a number, `username` when it is a name.

    An image that names no user runs as root: uid 0. `pulled`: the name that was asked for is one its registry knows
    (not said in lists). `pinned`: never to be removed to make room.
    """

    id: str
    names: list[str]
    size_bytes: int
    uid: int | None = None
    username: str = ""
    pulled: bool = False
    pinned: bool = False


class ContainerStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a container uses. Working set is usage less the inactive page cache, as cAdvisor counts it."""

    id: str
    timestamp: int
    cpu_usage_nanoseconds: int
    memory_usage_bytes: int
    memory_working_set_bytes: int
    memory_rss_bytes: int
    pids: int
    writable_layer_bytes: int = 0
    writable_layer_inodes: int = 0


class ContainerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A container has ended; `container_status` has the rest."""

    container_id: str
    sandbox_id: str
    pod_uid: str


class ByteReader(Protocol):
    """The reading end of a stream; `asyncio.StreamReader` is one."""

    async def read(self, n: int = -1, /) -> bytes:
        """Up to n bytes as soon as there are any; empty at the end."""


class Session(Protocol):
    """A conversation with a process in a container, made by `exec` or `attach`. `close` it when done.

    With a terminal everything arrives on `stdout` and `stderr` is None.
    """

    @property
    def stdout(self) -> ByteReader:
        """The process's output."""

    @property
    def stderr(self) -> ByteReader | None:
        """Its error output."""

    async def write_stdin(self, data: bytes) -> None:
        """Pass data on; waits while the process does not read. Data after its end is dropped."""

    async def close_stdin(self) -> None:
        """End of input."""

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size in characters; without a terminal nothing happens."""

    async def wait(self) -> int:
        """The exit code, once the process ended; of an attached container 0, once the connection closed."""

    async def kill(self) -> None:
        """Kill the process an `exec` started; an attached container is only detached from."""

    async def close(self) -> None:
        """Let go of everything; an exec'd process still running is killed."""


class Connection(Protocol):
    """A byte stream to a port inside a sandbox's network namespace."""

    @property
    def reader(self) -> ByteReader:
        """What the peer sends."""

    async def write(self, data: bytes) -> None:
        """Send all of data."""

    async def close_write(self) -> None:
        """Half-close: the peer reads an end."""

    async def close(self) -> None:
        """Close both ways."""


class ExecResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a command run to its end gave; each stream is cut at 16 MiB, as CRI runtimes do."""

    stdout: bytes
    stderr: bytes
    exit_code: int


class Runtime(Protocol):
    """Runs sandboxes and containers. Every method raises `RuntimeFailure` or one of its subclasses only."""

    async def version(self) -> Version:
        """Name and version of what runs the containers."""

    async def run_sandbox(self, spec: SandboxSpec) -> SandboxStatus:
        """Make and start a sandbox. Whatever a failure left behind is removed again."""

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Kill what still runs in it and give back its address. Its records stay."""

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Stop it and remove it with its containers."""

    async def sandbox_status(self, sandbox_id: str) -> SandboxStatus:
        """Raises NotFound."""

    async def list_sandboxes(self) -> list[SandboxStatus]:
        """Every sandbox known, oldest first."""

    async def create_container(self, spec: ContainerSpec) -> ContainerStatus:
        """Prepare a container: image, root file system, configuration.

        Raises ImageNotPresent, InvalidConfig, NotFound.
        """

    async def start_container(self, container_id: str) -> ContainerStatus:
        """Start a created container. Raises StartFailure; the container is EXITED then."""

    async def stop_container(self, container_id: str, grace_seconds: float, signal: str = "") -> None:
        """Send its stop signal (or `signal`), wait up to grace_seconds, kill all of it. Returns once it has ended."""

    async def remove_container(self, container_id: str) -> None:
        """Kill it if need be and remove everything of it but its log."""

    async def container_status(self, container_id: str) -> ContainerStatus:
        """Raises NotFound."""

    async def list_containers(self) -> list[ContainerStatus]:
        """Every container known, oldest first."""

    async def update_container_resources(self, container_id: str, resources: Resources) -> None:
        """Change the limits of a running container."""

    async def exec(self, container_id: str, argv: Sequence[str], *, tty: bool = False, stdin: bool = False) -> Session:
        """Start a command in a running container.

        A command that cannot run has code 126 or 127 and says why on stderr.
        """

    async def exec_sync(self, container_id: str, argv: Sequence[str], timeout_seconds: float) -> ExecResult:
        """Run a command to its end. It is killed after timeout_seconds (0: never) and TimeoutError raised."""

    async def attach(self, container_id: str, *, stdin: bool = False) -> Session:
        """Connect to the container's own stdio. Several may be connected at once."""

    async def reopen_log(self, container_id: str) -> None:
        """Open the log path afresh, after the file was renamed away."""

    async def stats(self, container_ids: Sequence[str]) -> Mapping[str, ContainerStats]:
        """Figures of those which run; the others are left out."""

    async def port_forward(self, sandbox_id: str, port: int) -> Connection:
        """Connect to 127.0.0.1:port (or [::1]) inside the sandbox."""

    async def image_status(self, reference: str) -> ImageStatus | None:
        """None when the store has no such image. Raises InvalidConfig for a name that cannot name an image."""

    async def list_images(self) -> list[ImageStatus]:
        """Every image of the store."""

    async def images_in_use(self) -> set[str]:
        """The ids of images that some container was made from; those of other nodes too if they share the store."""

    async def remove_image(self, image_id: str) -> None:
        """Remove an image with all its names. One that is gone already is no failure."""

    def events(self) -> AsyncIterator[ContainerEvent]:
        """The ends of containers, as they happen; one reader. Ends from before the kubelet started are in the list."""
