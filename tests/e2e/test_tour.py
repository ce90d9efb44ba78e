"""Every page of docs/tour, walked as a reader would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, kubectl_binary
from tests.support.kube import Space
from tests.support.tour import Command, File, Page, read

TOUR = Path(__file__).parents[2] / "docs" / "tour"
PAGES = sorted(path for path in TOUR.glob("*.md") if path.name != "README.md")
COMMAND_SECONDS = 200
RETRY_SECONDS = 120
WALK_SECONDS = 900


@contextmanager
def _own(page: Page, directory: Path) -> Iterator[Cluster]:
    cluster = Cluster(directory / "cluster")
    cluster.up(*(page.flags or ()))
    try:
        yield cluster
    finally:
        cluster.down()
    assert cluster.leaks() == []


def _environment(cluster: Cluster, directory: Path, namespace: str) -> dict[str, str]:
    """The reader's shell: kubectl and podling at hand, the namespace chosen."""
    kubeconfig = json.loads((cluster.directory / "kubeconfig").read_text())
    for context in kubeconfig["contexts"]:
        context["context"]["namespace"] = namespace
    (directory / "kubeconfig").write_text(json.dumps(kubeconfig))
    path = f"{Path(sys.executable).parent}:{Path(kubectl_binary()).parent}:{os.environ['PATH']}"
    return {**os.environ, **cluster.env, "KUBECONFIG": str(directory / "kubeconfig"), "PATH": path}


def _run(command: Command, directory: Path, environment: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ("bash", "-c", command.text),
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    return done.returncode, done.stdout


def _walk(page: Page, directory: Path, environment: dict[str, str]) -> None:
    for step in page.steps:
        if isinstance(step, File):
            target = directory / step.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.content)
            continue
        deadline = time.monotonic() + (RETRY_SECONDS if step.retry else 0)
        while True:
            code, output = _run(step, directory, environment)
            if code == step.exit_code and step.accepts(output):
                break
            if time.monotonic() > deadline:
                expected = "\n".join(step.expected or ())
                pytest.fail(
                    f"{page.path.name}:{step.line}: $ {step.text}\nexited {code}, expected {step.exit_code}\n"
                    f"{output}\n--- expected\n{expected}",
                    pytrace=False,
                )
            time.sleep(0.2)


@pytest.mark.timeout(WALK_SECONDS)
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_walk(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    page = read(path)
    directory = tmp_path / "walk"
    directory.mkdir()
    if page.flags is not None:
        with _own(page, tmp_path) as cluster:
            _walk(page, directory, _environment(cluster, directory, "default"))
        return
    make_space: Callable[[], Space] = request.getfixturevalue("make_space")
    space = make_space()
    _walk(page, directory, _environment(space.cluster, directory, space.name))
