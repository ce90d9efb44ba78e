"""The command lines of deploy/systemd are ones that the components take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from apiserver import config as apiserver
from controllers import config as controllers
from kubelet import config as kubelet
from kubeproxy import config as kubeproxy
from scheduler import config as scheduler

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"

PARSERS: dict[str, Callable[[Sequence[str]], object]] = {
    "apiserver": apiserver.parse,
    "scheduler": scheduler.parse,
    "controllers": controllers.parse,
    "kubelet": lambda arguments: kubelet.from_args(kubelet.parser().parse_args(arguments)),
    "kubeproxy": lambda arguments: kubeproxy.from_args(kubeproxy.build_parser().parse_args(arguments)),
}


def settings(unit: str) -> dict[str, list[str]]:
    """The unit's settings; one may be given several times."""
    found: dict[str, list[str]] = {}
    for line in unit.replace("\\\n", " ").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("file", ["apiserver", "scheduler", "controllers", "kubelet", "kube-proxy"])
def test_a_unit_starts_its_component_with_flags_it_takes(file: str) -> None:
    unit = settings((UNITS / f"podling-{file}.service").read_text())
    environment = settings((UNITS / Path(unit["EnvironmentFile"][0]).name).read_text())
    command = re.sub(r"\$\{(\w+)\}", lambda name: environment[name[1]][0], unit["ExecStart"][0])
    python, flag, module, *arguments = shlex.split(command)
    assert (python, flag) == ("/opt/podling/.venv/bin/python", "-m")
    PARSERS[module](arguments)
    handed_over = {f"%d/{credential.split(':')[0]}" for credential in unit.get("LoadCredential", [])}
    asked_for = {value for argument in arguments if (value := argument.partition("=")[2]).startswith("%d")}
    assert asked_for == handed_over
