"""What a stage's instructions make of its image's configuration: those that touch no file. Pure.

`apply` returns the state after ENV, LABEL, USER and their like; RUN, COPY, ADD and the folder of WORKDIR are the
builder's. Source: Dockerfile reference; the fields are OCI's.
"""

from __future__ import annotations

import posixpath
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from images import oci
from images.oci import Healthcheck, RunConfig
from podling.build import stages, words
from podling.build.dockerfile import Dockerfile, Instruction, parse_onbuild
from podling.build.words import WordError

DEFAULT_SHELL = ("/bin/sh", "-c")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Build arguments every stage has without declaring them, and which do not count for the cache.
PROXY_ARGUMENTS = frozenset(
    each
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for each in (name, name.lower())
)
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(h|ms|m|us|s|ns))")
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)


@dataclass(frozen=True)
class Inputs:
    """What a build was given. `arguments`: --build-arg; `globals`: ARGs before FROM; `platform`: TARGETARCH & co."""

    dockerfile: Dockerfile
    arguments: Mapping[str, str]
    globals: Mapping[str, str]
    platform: Mapping[str, str]


@dataclass(frozen=True)
class State:
    """A stage's configuration so far. `arguments`: declared ARGs with values; `command_set`: CMD came in this stage."""

    config: RunConfig
    arguments: Mapping[str, str] = field(default_factory=dict)
    history: tuple[oci.History, ...] = ()
    command_set: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The image's variables."""
        return dict(each.partition("=")[::2] for each in self.config.env or ())

    @property
    def variables(self) -> dict[str, str]:
        """What `$NAME` means: a variable of the image goes before an argument."""
        return {**self.arguments, **self.environment}

    @property
    def shell(self) -> tuple[str, ...]:
        """What the shell forms are given to."""
        return tuple(self.config.shell or DEFAULT_SHELL)

    @property
    def directory(self) -> str:
        """The working folder."""
        return self.config.working_dir or "/"


def begin(config: RunConfig) -> State:
    """The state after FROM: the base's configuration, without its triggers."""
    env = config.env or []
    if not any(each.startswith("PATH=") for each in env):
        env = [f"PATH={DEFAULT_PATH}", *env]
    return State(msgspec.structs.replace(config, env=env, on_build=None))


def apply(state: State, instruction: Instruction, inputs: Inputs) -> State:
    """The state after an instruction. Raises DockerfileError."""
    handler = _HANDLERS[instruction.keyword]
    try:
        return handler(state, instruction, inputs)
    except WordError as error:
        raise inputs.dockerfile.error(instruction, str(error)) from None


def expand(state: State, text: str, inputs: Inputs) -> str:
    """A text with this stage's variables. Raises WordError."""
    return words.expand(text, state.variables, inputs.dockerfile.escape)


def command_words(state: State, instruction: Instruction) -> list[str]:
    """What the JSON form says, or the shell with the shell form."""
    if instruction.words is not None:
        return list(instruction.words)
    return [*state.shell, instruction.rest]


def _with(state: State, **changes: object) -> State:
    return replace(state, config=msgspec.structs.replace(state.config, **changes))


def _arg(state: State, instruction: Instruction, inputs: Inputs) -> State:
    found = dict(state.arguments)
    for name, default in stages.arguments(inputs.dockerfile, instruction, state.variables):
        fallback = default if default is not None else inputs.globals.get(name, inputs.platform.get(name))
        value = inputs.arguments.get(name, fallback)
        if value is not None:
            found[name] = value
    return replace(state, arguments=found)


def _env(state: State, instruction: Instruction, inputs: Inputs) -> State:
    environment = state.environment
    for name, value in words.assignments(instruction.rest, state.variables, inputs.dockerfile.escape):
        environment[name] = value
    return _with(state, env=[f"{name}={value}" for name, value in environment.items()])


def _label(state: State, instruction: Instruction, inputs: Inputs) -> State:
    labels = dict(state.config.labels or {})
    labels.update(words.assignments(instruction.rest, state.variables, inputs.dockerfile.escape))
    return _with(state, labels=labels)


def _user(state: State, instruction: Instruction, inputs: Inputs) -> State:
    user = expand(state, instruction.rest, inputs)
    if not user or any(character.isspace() for character in user):
        raise inputs.dockerfile.error(instruction, f"USER is written USER[:GROUP], not {user!r}")
    return _with(state, user=user)


def _workdir(state: State, instruction: Instruction, inputs: Inputs) -> State:
    path = expand(state, instruction.rest, inputs)
    if not path:
        raise inputs.dockerfile.error(instruction, "WORKDIR names no folder: the variable in it is empty")
    return _with(state, working_dir=absolute(state, path))


def absolute(state: State, path: str) -> str:
    """A path in the image, seen from the working folder."""
    return posixpath.normpath(posixpath.join("/", state.directory, path)).replace("//", "/")


def _expose(state: State, instruction: Instruction, inputs: Inputs) -> State:
    ports = dict(state.config.exposed_ports or {})
    for word in words.split(instruction.rest):
        text = expand(state, word, inputs)
        match = _PORT.fullmatch(text)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or not 0 < first <= last <= 65535:
            raise inputs.dockerfile.error(instruction, f"{text!r} is not a port: 80, 53/udp, 8000-8010/tcp")
        ports.update({f"{port}/{(match[3] or 'tcp').lower()}": {} for port in range(first, last + 1)})
    return _with(state, exposed_ports=dict(sorted(ports.items())))


def _volume(state: State, instruction: Instruction, inputs: Inputs) -> State:
    names = instruction.words if instruction.words is not None else words.split(instruction.rest)
    volumes = dict(state.config.volumes or {})
    for word in names:
        path = expand(state, word, inputs)
        if not path:
            raise inputs.dockerfile.error(instruction, "VOLUME names no folder")
        volumes[path] = {}
    return _with(state, volumes=dict(sorted(volumes.items())))


def _shell(state: State, instruction: Instruction, inputs: Inputs) -> State:
    if not instruction.words:
        raise inputs.dockerfile.error(instruction, "SHELL needs a program")
    return _with(state, shell=list(instruction.words))


def _cmd(state: State, instruction: Instruction, inputs: Inputs) -> State:
    return replace(_with(state, cmd=command_words(state, instruction)), command_set=True)


def _entrypoint(state: State, instruction: Instruction, inputs: Inputs) -> State:
    changed = _with(state, entrypoint=command_words(state, instruction))
    # The base's CMD was meant for the base's entry point.
    return changed if state.command_set else _with(changed, cmd=None)


_SIGNALS = frozenset(each.name.removeprefix("SIG") for each in signal.Signals)


def _stop_signal(state: State, instruction: Instruction, inputs: Inputs) -> State:
    name = expand(state, instruction.rest, inputs).upper()
    number = name.isdecimal() and 0 < int(name) < signal.NSIG
    if not number and name.removeprefix("SIG").partition("-" if "-" in name else "+")[0] not in _SIGNALS:
        raise inputs.dockerfile.error(instruction, f"{instruction.rest!r} is not a signal: SIGTERM, SIGQUIT, 9")
    return _with(state, stop_signal=name)


def _onbuild(state: State, instruction: Instruction, inputs: Inputs) -> State:
    parse_onbuild(instruction.rest, inputs.dockerfile.file, instruction.line)
    return _with(state, on_build=[*(state.config.on_build or ()), instruction.rest])


def _maintainer(state: State, instruction: Instruction, inputs: Inputs) -> State:
    return _with(state, labels={**(state.config.labels or {}), "maintainer": instruction.rest})


def _healthcheck(state: State, instruction: Instruction, inputs: Inputs) -> State:
    kind, _, rest = instruction.rest.partition(" ")
    if kind.upper() == "NONE" and not rest:
        return _with(state, healthcheck=Healthcheck(test=["NONE"]))
    if kind.upper() != "CMD" or not rest.strip():
        raise inputs.dockerfile.error(instruction, "HEALTHCHECK is written HEALTHCHECK [OPTIONS] CMD COMMAND, or NONE")
    test = _test(rest.strip())
    durations = {
        name.replace("-", "_"): _nanoseconds(inputs.dockerfile, instruction, name, instruction.flag(name))
        for name in ("interval", "timeout", "start-period", "start-interval")
        if instruction.flag(name)
    }
    retries = instruction.flag("retries", "0")
    if not retries.isdecimal():
        raise inputs.dockerfile.error(instruction, f"--retries={retries} is not a whole number")
    return _with(state, healthcheck=Healthcheck(test=test, retries=int(retries), **durations))


def _test(command: str) -> list[str]:
    try:
        given = msgspec.json.decode(command.encode(), type=list[str])
    except msgspec.MsgspecError:
        return ["CMD-SHELL", command]
    return ["CMD", *given]


def _nanoseconds(dockerfile: Dockerfile, instruction: Instruction, name: str, text: str) -> int:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise dockerfile.error(instruction, f"--{name}={text} is not a duration: 30s, 1m30s, 500ms")
    return int(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


Handler = Callable[[State, Instruction, Inputs], State]
_HANDLERS: Mapping[str, Handler] = {
    "ARG": _arg,
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
METADATA = frozenset(_HANDLERS)


def history(instruction: Instruction, created: str) -> oci.History:
    """A step that left the files as they were."""
    return oci.History(created=created, created_by=instruction.text, empty_layer=True)
