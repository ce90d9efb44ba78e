"""Components write metrics without the web servers the library brings along."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
from prometheus_client import Counter, generate_latest
Counter("seen", "").inc()
assert b"seen_total 1.0" in generate_latest()
assert not {"http.server", "wsgiref.simple_server"} & set(sys.modules), "the library was imported whole"
import http.server, urllib.request
assert http.server.HTTPServer and urllib.request.urlopen, "stand-ins are left"
"""


@pytest.mark.parametrize("component", ["apiserver", "scheduler", "controllers", "kubelet", "kubeproxy"])
def test_a_component_has_no_web_server_of_the_librarys(component: str) -> None:
    command = [sys.executable, "-c", PROGRAM, f"{component}.__main__"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
