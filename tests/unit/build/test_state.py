"""What instructions make of an image's configuration."""

from __future__ import annotations

import pytest

from images.oci import RunConfig
from podling.build import mounts, state
from podling.build.dockerfile import DockerfileError, parse
from podling.build.mounts import MountError
from podling.build.state import Inputs, State

S = 10**9


def after(text: str, base: RunConfig | None = None, **given: str) -> State:
    file = parse(text.encode(), "Dockerfile")
    inputs = Inputs(file, given, {"GLOBAL": "g"}, {"TARGETARCH": "amd64"})
    current = state.begin(base or RunConfig())
    for instruction in file.instructions:
        current = state.apply(current, instruction, inputs)
    return current


def test_arguments_and_variables_and_their_scopes() -> None:
    text = (
        "ARG A=a\nARG GLOBAL\nARG TARGETARCH\nENV A=env B=$A C=${GLOBAL}-$TARGETARCH\nARG A=later\nLABEL x=$A-$NOPE.\n"
    )
    found = after(text)
    assert found.environment["A"] == "env"
    assert found.environment["B"] == "a"
    assert found.environment["C"] == "g-amd64"
    assert found.config.labels == {"x": "env-."}
    assert after("ARG A=a\nLABEL x=$A\n", A="given").config.labels == {"x": "given"}
    assert after("LABEL x=$A\n", A="given").config.labels == {"x": ""}


def test_folders_users_ports_volumes() -> None:
    text = "WORKDIR /a\nWORKDIR b/../c\nUSER me:us\nEXPOSE 80 53/UDP 8000-8001\n"
    text += 'VOLUME ["/x"]\nVOLUME /y /z\nSTOPSIGNAL term\n'
    config = after(text).config
    assert (config.working_dir, config.user, config.stop_signal) == ("/a/c", "me:us", "TERM")
    assert list(config.exposed_ports or ()) == ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]
    assert list(config.volumes or ()) == ["/x", "/y", "/z"]


def test_commands_and_the_shell() -> None:
    config = after('SHELL ["bash", "-c"]\nCMD echo $X\nENTRYPOINT ["run"]\n').config
    assert (config.cmd, config.entrypoint) == (["bash", "-c", "echo $X"], ["run"])


def test_an_entry_point_drops_the_command_of_the_base_only() -> None:
    base = RunConfig(cmd=["sh"])
    assert after("ENTRYPOINT x\n", base).config.cmd is None
    assert after("CMD y\nENTRYPOINT x\n", base).config.cmd == ["/bin/sh", "-c", "y"]


def test_health_checks() -> None:
    check = after("HEALTHCHECK --interval=1m30s --timeout=500ms --retries=4 CMD curl -f localhost\n").config.healthcheck
    assert check is not None
    assert (check.test, check.interval, check.timeout) == (["CMD-SHELL", "curl -f localhost"], 90 * S, S // 2)
    assert check.retries == 4
    none = after("HEALTHCHECK NONE\n").config.healthcheck
    assert none is not None
    assert none.test == ["NONE"]


def test_triggers_are_for_those_built_on_it() -> None:
    assert after("ONBUILD COPY . /app\n").config.on_build == ["COPY . /app"]
    assert state.begin(RunConfig(on_build=["RUN x"])).config.on_build is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ENV A\n", "A has no value"),
        ("EXPOSE 99999\n", "is not a port"),
        ("USER a b\n", "USER is written"),
        ("ONBUILD FROM x\n", "ONBUILD cannot carry"),
        ("STOPSIGNAL not-a signal\n", "is not a signal"),
        ("STOPSIGNAL SIGBOGUS\n", "is not a signal"),
        ("STOPSIGNAL 99\n", "is not a signal"),
        ("HEALTHCHECK curl\n", "HEALTHCHECK is written"),
        ("HEALTHCHECK --interval=soon CMD x\n", "is not a duration"),
        ('ENV A="${B:?is needed}"\n', "B is not set: is needed"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(text: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=f"^Dockerfile:1: .*{message}"):
        after(text)


def test_mounts_of_a_command() -> None:
    cache = mounts.parse("type=cache,target=/c,id=x")
    assert (cache.kind, cache.target, cache.values["id"]) == ("cache", "/c", "x")
    assert mounts.parse("type=secret,id=key").target == "/run/secrets/key"
    assert mounts.parse("source=a,dst=/b").kind == "bind"
    for text in ("type=ssh", "type=cache,target=c", "type=tmpfs,target=/t,from=x"):
        with pytest.raises(MountError):
            mounts.parse(text)
