"""A container as a Pod, and as a row of `podling ps`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from api import timestamps
from images.oci import Healthcheck, RunConfig
from podling.cli.rpc import Tree
from podling.errors import CommandError

LABEL = "run.podling/name"
REMOVE_LABEL = "run.podling/remove"
STOPPED_LABEL = "run.podling/stopped"
IMAGE_ANNOTATION = "run.podling/image"
START_ANNOTATION = "run.podling/health-start-seconds"
NETWORK_ANNOTATION = "run.podling/network"
FINALIZER = "run.podling/keep-changes"
CONTAINER = "main"
STOP_SECONDS = 10

_SIZES = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([bkmg]?)(?:i?b)?", re.IGNORECASE)
_PORT = re.compile(r"(?:(?P<ip>\d+\.\d+\.\d+\.\d+):)?(?:(?P<host>\d+):)?(?P<container>\d+)(?:/(?P<protocol>tcp|udp))?")
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
# z and Z relabel for SELinux, which is not used here.
_VOLUME_MODES = frozenset({"ro", "rw", "z", "Z"})
_RESTARTS = {"no": "Never", "always": "Always", "unless-stopped": "Always", "on-failure": "OnFailure"}
_PULLS = {"missing": "IfNotPresent", "always": "Always", "never": "Never"}
_NANOSECONDS = 10**9
# A named volume, as Docker has it, is a folder of this machine.
VOLUMES_FOLDER = "/var/lib/podling/volumes"


@dataclass(frozen=True)
class Wish:
    """What `podling run` was asked for, as it was typed."""

    name: str
    image: str
    command: Sequence[str] = ()
    entrypoint: str | None = None
    environment: Sequence[str] = ()
    ports: Sequence[str] = ()
    volumes: Sequence[str] = ()
    network: str = "pod"
    memory: str = ""
    cpus: str = ""
    remove: bool = False
    stdin: bool = False
    tty: bool = False
    workdir: str = ""
    user: str = ""
    restart: str = "no"
    pull: str = "missing"
    hostname: str = ""
    node: str = ""
    privileged: bool = False
    read_only: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


def pod(wish: Wish, config: RunConfig | None) -> Tree:
    """The Pod. `config`: the image's, as far as it is known. Raises CommandError."""
    volumes, mounts = _volumes(wish.volumes)
    main: Tree = {
        "name": CONTAINER,
        "image": wish.image,
        "imagePullPolicy": _choice(_PULLS, wish.pull, "--pull"),
        "args": list(wish.command),
        "env": [{"name": name, "value": value} for name, value in environment(wish.environment).items()],
        "ports": [_port(text, wish.network) for text in wish.ports],
        "volumeMounts": mounts,
        "resources": _resources(wish),
        "securityContext": _security(wish),
        "workingDir": wish.workdir,
        "stdin": wish.stdin,
        # A terminal ends its input itself (Ctrl-D), and may be left and come back to.
        "stdinOnce": wish.stdin and not wish.tty,
        "tty": wish.tty,
    }
    if wish.entrypoint:
        main["command"] = [wish.entrypoint]
    elif wish.entrypoint is not None:
        # None at all: what is run is what was typed.
        if not wish.command:
            raise CommandError('--entrypoint "" leaves nothing to run: say which command')
        main |= {"command": list(wish.command), "args": []}
    if probe := _readiness(config.healthcheck if config else None):
        main["readinessProbe"] = probe
    restart, _, _ = wish.restart.partition(":")
    if wish.remove and restart != "no":
        raise CommandError(f"--rm and --restart {wish.restart} exclude each other: what is restarted never ends")
    spec: Tree = {
        "containers": [{name: value for name, value in main.items() if value not in ("", [], {}, False)}],
        "restartPolicy": _choice(_RESTARTS, restart, "--restart"),
        "terminationGracePeriodSeconds": STOP_SECONDS,
        "enableServiceLinks": False,
        "volumes": volumes,
        "hostname": wish.hostname,
        "hostNetwork": wish.network == "host",
    }
    if wish.node or volumes:
        # What is mounted is on one machine: the container stays there.
        spec["nodeSelector"] = {"kubernetes.io/hostname": wish.node}
    spec = {name: value for name, value in spec.items() if value not in ("", [], False)}
    metadata = _metadata(wish)
    if probe and config and config.healthcheck:
        metadata["annotations"][START_ANNOTATION] = str(config.healthcheck.start_period // _NANOSECONDS)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def environment(given: Sequence[str]) -> dict[str, str]:
    """`K=V` words as a mapping. Raises CommandError."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise CommandError(f"-e {text}: it is NAME=VALUE, or NAME of a variable here")
        found[name] = value
    return found


def ports(tree: Tree) -> list[tuple[int, int, str, str]]:
    """What a Pod publishes: host port, container port, protocol, host address asked for."""
    return [
        (port["hostPort"], port["containerPort"], port.get("protocol", "TCP").lower(), port.get("hostIP", ""))
        for container in tree["spec"]["containers"]
        for port in container.get("ports", ())
        if port.get("hostPort")
    ]


def row(tree: Tree, now: float) -> tuple[str, ...]:
    """NAME, IMAGE, COMMAND, CREATED, STATUS, PORTS, NODE."""
    metadata, spec = tree["metadata"], tree["spec"]
    main = spec["containers"][0]
    image = metadata.get("annotations", {}).get(IMAGE_ANNOTATION, main["image"])
    command = json.dumps(" ".join((*main.get("command", ()), *main.get("args", ()))))
    created = timestamps.age(metadata.get("creationTimestamp", ""), now)
    published = ", ".join(f"{host}->{inside}/{protocol}" for host, inside, protocol, _ in ports(tree))
    return (
        metadata["name"],
        image,
        _cut(command),
        f"{created} ago",
        status(tree, now),
        published,
        spec.get("nodeName", ""),
    )


def status(tree: Tree, now: float) -> str:
    """`Up 5s (healthy)`, `Exited (0) 3s ago`, or why it does not run."""
    states = tree.get("status", {}).get("containerStatuses") or [{}]
    state = states[0].get("state", {})
    if "deletionTimestamp" in tree["metadata"]:
        return "Removing"
    if "running" in state:
        started = state["running"].get("startedAt", "")
        return f"Up {timestamps.age(started, now)}{_health(tree, states[0], started, now)}"
    if "terminated" in state:
        ended = timestamps.age(state["terminated"].get("finishedAt", ""), now)
        return f"Exited ({state['terminated']['exitCode']}) {ended} ago"
    return str(state.get("waiting", {}).get("reason") or tree.get("status", {}).get("phase") or "Created")


def _health(tree: Tree, state: Tree, started: str, now: float) -> str:
    """As Docker shows it; what was never ready in the time its tries take is not well."""
    probe = tree["spec"]["containers"][0].get("readinessProbe")
    if probe is None:
        return ""
    if state.get("ready"):
        return " (healthy)"
    tries = probe.get("failureThreshold", 3) * (probe.get("periodSeconds", 10) + probe.get("timeoutSeconds", 1))
    grace = int(tree["metadata"].get("annotations", {}).get(START_ANNOTATION, "0"))
    up = now - timestamps.parse(started) if started else 0
    return " (unhealthy)" if up > grace + tries else " (health: starting)"


def never_began(tree: Tree) -> str:
    """Why the container's command could not even be started; "" when it could, or may still be."""
    for each in tree.get("status", {}).get("containerStatuses", ()):
        for state in (each.get("state", {}), each.get("lastState", {})):
            ended = state.get("terminated", {})
            if ended.get("reason") == "StartError":
                return str(ended.get("message") or ended["reason"])
    return ""


def exit_code_of(reason: str) -> int:
    """Docker's, of a command that could not be started: 127 not found, 126 anything else."""
    return 127 if re.search("not found|no such file", reason) else 126


def trouble(tree: Tree) -> str:
    """Why a Pod cannot be started as it is; "" while it may still come."""
    found = tree.get("status", {})
    for each in found.get("containerStatuses", ()):
        waiting = each.get("state", {}).get("waiting", {})
        if waiting.get("reason", "") not in ("", "ContainerCreating", "PodInitializing", "CrashLoopBackOff"):
            return f"{waiting['reason']}: {waiting.get('message', '')}"
    for condition in found.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message", condition.get("reason", "")))
    return ""


def _metadata(wish: Wish) -> Tree:
    labels = {LABEL: wish.name, **({REMOVE_LABEL: "true"} if wish.remove else {}), **wish.labels}
    annotations = {IMAGE_ANNOTATION: wish.image}
    if wish.network not in ("pod", "host", "none"):
        raise CommandError(f"--network {wish.network}: there are pod, host and none")
    if wish.network == "none":
        annotations[NETWORK_ANNOTATION] = "none"
    return {"name": wish.name, "labels": labels, "annotations": annotations}


def _port(text: str, network: str) -> Tree:
    match = _PORT.fullmatch(text)
    numbers = [int(match[name]) for name in ("host", "container") if match[name]] if match else []
    if match is None or not all(0 < number < 65536 for number in numbers):
        raise CommandError(f"-p {text}: it is [ADDRESS:]HOST-PORT:CONTAINER-PORT[/udp]")
    if network == "none":
        raise CommandError(f"-p {text}: a container without a network (--network none) has no ports")
    inside = int(match["container"])
    host = int(match["host"] or inside)
    if network == "host" and host != inside:
        raise CommandError(f"-p {text}: with --network host a port is its own number on the node")
    port: Tree = {"containerPort": inside, "hostPort": host, "protocol": (match["protocol"] or "tcp").upper()}
    if match["ip"] not in (None, "0.0.0.0", "127.0.0.1"):
        port["hostIP"] = match["ip"]
    return port


def _volumes(given: Sequence[str]) -> tuple[list[Tree], list[Tree]]:
    volumes: list[Tree] = []
    mounts: list[Tree] = []
    for number, text in enumerate(given):
        source, colon, rest = text.partition(":")
        target, _, mode = rest.partition(":")
        modes = set(mode.split(",")) if mode else set()
        if not colon or not target.startswith("/") or not modes <= _VOLUME_MODES or {"ro", "rw"} <= modes:
            raise CommandError(f"-v {text}: it is SOURCE:TARGET[:ro], the target an absolute path")
        if not source.startswith("/"):
            if _VOLUME_NAME.fullmatch(source) is None:
                raise CommandError(f"-v {text}: {source} is neither an absolute path nor a volume's name")
            source = f"{VOLUMES_FOLDER}/{source}"
        name = f"volume-{number}"
        # As Docker: a source that is not there becomes a folder; one that is there may be a file.
        volumes.append({"name": name, "hostPath": {"path": source}})
        mounts.append({"name": name, "mountPath": target, **({"readOnly": True} if "ro" in modes else {})})
    return volumes, mounts


def sources(tree: Tree) -> list[str]:
    """The paths of this machine that a Pod mounts."""
    return [each["hostPath"]["path"] for each in tree["spec"].get("volumes", ()) if "hostPath" in each]


def _resources(wish: Wish) -> Tree:
    limits = {}
    if wish.memory:
        match = _SIZE.fullmatch(wish.memory)
        if match is None:
            raise CommandError(f"--memory {wish.memory}: it is a size as 512m or 2g")
        limits["memory"] = str(int(float(match[1]) * _SIZES[match[2].lower()]))
    if wish.cpus:
        if not re.fullmatch(r"\d+(\.\d{1,3})?", wish.cpus) or float(wish.cpus) <= 0:
            raise CommandError(f"--cpus {wish.cpus}: it is a number of CPUs as 0.5 or 2")
        limits["cpu"] = wish.cpus
    # Limits only: Docker sets nothing aside.
    return {"limits": limits, "requests": dict.fromkeys(limits, "0")} if limits else {}


def runs(pod: Tree) -> bool:
    """Whether its container has a process."""
    return any("running" in each["state"] for each in pod.get("status", {}).get("containerStatuses", ()))


def _security(wish: Wish) -> Tree:
    found: Tree = {}
    if wish.user:
        user, _, group = wish.user.partition(":")
        if not user.isdecimal() or (group and not group.isdecimal()):
            raise CommandError(f"--user {wish.user}: give numbers, UID[:GID]; names are the image's own (USER)")
        found["runAsUser"] = int(user)
        if group:
            found["runAsGroup"] = int(group)
    if wish.privileged:
        found["privileged"] = True
    if wish.read_only:
        found["readOnlyRootFilesystem"] = True
    return found


def _readiness(check: Healthcheck | None) -> Tree:
    """An image's HEALTHCHECK: what Docker calls healthy is called ready here."""
    test = list(check.test or ()) if check else []
    if check is None or not test or test[0] == "NONE":
        return {}
    command = ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else test[1:]

    def seconds(nanoseconds: int, default: int) -> int:
        return max(-(-nanoseconds // _NANOSECONDS), 1) if nanoseconds else default

    return {
        "exec": {"command": command},
        "periodSeconds": seconds(check.interval, 30),
        "timeoutSeconds": seconds(check.timeout, 30),
        "failureThreshold": check.retries or 3,
    }


def _choice(known: Mapping[str, str], word: str, flag: str) -> str:
    if word not in known:
        raise CommandError(f"{flag} {word}: there are {', '.join(known)}")
    return known[word]


def _cut(text: str) -> str:
    return text if len(text) <= 24 else f'{text[:22]}…"'
