"""kubectl logs, exec, attach, cp and port-forward: bytes to and from containers."""

from __future__ import annotations

import http.client
import os
import pty
import re
import select
import socket
import termios
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cluster import eventually, kubectl_binary
from tests.support.kube import Space, container_status
from tests.support.manifests import SLEEP, container, deployment, pod, service, web

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


def test_logs_of_one_container_in_all_forms(space: Space) -> None:
    # Of two streams that are written to at once either may be read first.
    script = (
        "for i in 1 2 3 4 5; do echo line $i; done; until test -e /go; do sleep 0.1; done; echo aside >&2; sleep 3600"
    )
    space.create(pod("talker", container(script)))
    space.logged("talker", "line 5")
    space.exec("talker", "touch /go")
    space.logged("talker", "aside")
    everything = [f"line {number}" for number in range(1, 6)] + ["aside"]
    assert space.kubectl("logs", "talker").splitlines() == everything
    assert space.kubectl("logs", "talker", "--tail=2").splitlines() == everything[-2:]
    assert space.kubectl("logs", "talker", "--limit-bytes=7") == "line 1\n"
    stamped = space.kubectl("logs", "talker", "--timestamps").splitlines()
    assert all(re.fullmatch(f"{STAMP} {line}", shown) for line, shown in zip(everything, stamped, strict=True))
    since = stamped[-1].split()[0]
    assert space.kubectl("logs", "talker", f"--since-time={since}").splitlines()[-1] == "aside"
    assert space.kubectl("logs", "talker", "--since=1h").splitlines() == everything
    assert space.kubectl("logs", "talker", "--since-time=2999-01-01T00:00:00Z") == ""
    failure = space.kubectl_fails("logs", "talker", "-p")
    assert failure == 'Error from server (BadRequest): previous terminated container "main" in pod "talker" not found\n'
    assert "container no is not valid for pod talker" in space.kubectl_fails("logs", "talker", "-c", "no")
    failure = space.kubectl_fails("logs", "nobody")
    assert failure == f'error: error from server (NotFound): pods "nobody" not found in namespace "{space.name}"\n'


def test_logs_of_several_containers_and_pods(space: Space) -> None:
    pair = (container("echo from one; sleep 3600", "one"), container("echo from two; sleep 3600", "two"))
    first = container("echo prepared", "first")
    space.create(deployment("pair", *pair, initContainers=[first]))
    space.wait_deployment("pair")
    name = space.list("pods", "app=pair")[0]["metadata"]["name"]
    for number in ("one", "two"):
        space.logged(name, f"from {number}", query=f"?container={number}")
    assert space.kubectl("logs", name, "-c", "two") == "from two\n"
    assert space.kubectl("logs", name, "-c", "first") == "prepared\n"
    chosen = 'Defaulted container "one" out of: one, two, first (init)\n'
    assert space.kubectl("logs", name, stderr=chosen) == "from one\n"
    assert space.kubectl("logs", "deployment/pair", stderr=chosen) == "from one\n"
    together = space.kubectl("logs", "-l", "app=pair", "--all-containers", "--prefix").splitlines()
    assert sorted(together) == [
        f"[pod/{name}/first] prepared",
        f"[pod/{name}/one] from one",
        f"[pod/{name}/two] from two",
    ]


def test_following_a_log_until_the_container_ends(space: Space) -> None:
    space.create(
        pod("talker", container("echo one; while ! test -e /go; do sleep 0.1; done; echo two"), restartPolicy="Never")
    )
    space.wait_running("talker")
    with space.kubectl_streams("logs", "-f", "talker") as following:
        following.until("one")
        space.nudge("talker", "touch /go")
        following.until("two")
        assert following.end() == 0
        assert following.errors() == ""
    assert following.lines == ["one", "two"]
    assert space.kubectl("logs", "talker") == "one\ntwo\n"


def test_the_log_of_the_container_before(space: Space) -> None:
    script = "if test -e /keep/again; then echo second; sleep 3600; fi; touch /keep/again; echo first; exit 1"
    kept = {"volumeMounts": [{"name": "keep", "mountPath": "/keep"}]}
    space.create(pod("twice", container(script, **kept), volumes=[{"name": "keep", "emptyDir": {}}]))
    space.wait("restarted", "pods", "twice", lambda tree: container_status(tree).get("restartCount") == 1)
    space.logged("twice", "second")
    assert space.kubectl("logs", "twice") == "second\n"
    assert space.kubectl("logs", "twice", "--previous") == "first\n"


def test_exec_streams_and_exit_codes(space: Space) -> None:
    space.create(pod("box", container(SLEEP), container(SLEEP, "side", env=[{"name": "WHO", "value": "side"}])))
    space.wait_running("box")
    done = space.run("exec", "box", "-c", "main", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, "out\n")
    assert done.stderr == "err\ncommand terminated with exit code 7\n"
    assert space.kubectl("exec", "box", "-c", "side", "--", "sh", "-c", "echo $WHO") == "side\n"
    assert space.kubectl("exec", "-i", "box", "-c", "main", "--", "wc", "-c", stdin="x" * 300_000) == "300000\n"
    big = space.kubectl("exec", "box", "-c", "main", "--", "sh", "-c", "head -c 2000000 /dev/zero | tr '\\0' a")
    assert len(big) == 2_000_000
    chosen = 'Defaulted container "main" out of: main, side\n'
    assert space.kubectl("exec", "box", "--", "true", stderr=chosen) == ""
    done = space.run("exec", "box", "-c", "main", "--", "no-such-command")
    assert done.returncode in (126, 127)
    assert 'exec: "no-such-command": executable file not found in $PATH' in done.stderr
    failure = space.kubectl_fails("exec", "box", "-c", "nobody", "--", "true")
    assert "container nobody is not valid for pod box" in failure
    assert space.kubectl_fails("exec", "none", "--", "true") == 'Error from server (NotFound): pods "none" not found\n'


def test_exec_with_a_terminal(space: Space) -> None:
    space.create(pod("box"))
    space.wait_running("box")
    with Terminal(space, "exec", "-it", "box", "--", "sh") as terminal:
        terminal.until("# ")

        def screen() -> str:
            terminal.type("tty; stty size; echo $TERM\n")
            return terminal.until("xterm")

        # The size is sent beside what is typed.
        shown = eventually("the size", lambda: next((each for each in [screen()] if "30 100" in each), None))
        assert "/dev/pts/0" in shown
        terminal.type("sleep 60\n")
        eventually("sleeping", lambda: "sleep 60" in space.exec("box", "ps"))
        terminal.type("\x03")
        terminal.until("# ")
        terminal.type("exit 5\n")
        assert terminal.end() == 5


def test_attach_to_a_running_container(space: Space) -> None:
    script = "while read line; do echo heard $line; done"
    space.create(pod("listener", container(script, stdin=True, stdinOnce=True), restartPolicy="Never"))
    space.wait_running("listener")
    done = space.run("attach", "-i", "listener", stdin="one\ntwo\n")
    assert (done.returncode, done.stdout) == (0, "heard one\nheard two\n"), done
    assert space.wait_phase("listener", "Succeeded")
    assert space.kubectl("logs", "listener") == "heard one\nheard two\n"


def test_cp_both_ways(space: Space, tmp_path: Path) -> None:
    space.create(pod("box"))
    space.wait_running("box")
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "data").write_bytes(os.urandom(100_000))
    space.kubectl("cp", str(folder), "box:/srv")
    space.kubectl("cp", "box:/srv/inner", str(tmp_path / "back"))
    assert (tmp_path / "back" / "data").read_bytes() == (folder / "inner" / "data").read_bytes()


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_port_forward(space: Space, websockets: str) -> None:
    space.create(pod("web", web()), service("web"))
    space.wait_running("web")
    space.wait_endpoints("web", 1)
    space.cluster.env["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = websockets
    try:
        for target in ("pod/web", "service/web"):
            port = "8080" if target == "pod/web" else "80"
            with space.kubectl_streams("port-forward", target, f":{port}") as forwarding:
                told = forwarding.until("Forwarding from 127.0.0.1:")
                local = int(re.findall(r":(\d+) -> 8080", told)[0])
                for _ in range(3):
                    with closing(http.client.HTTPConnection("127.0.0.1", local, timeout=60)) as connection:
                        connection.request("GET", "/")
                        assert connection.getresponse().read() == b"web\n"
    finally:
        del space.cluster.env["KUBECTL_PORT_FORWARD_WEBSOCKETS"]


def test_port_forward_to_a_closed_port_says_so(space: Space) -> None:
    space.create(pod("box"))
    space.wait_running("box")
    with space.kubectl_streams("port-forward", "pod/box", ":9999") as forwarding:
        local = int(re.findall(r":(\d+) -> 9999", forwarding.until("127.0.0.1"))[0])
        with closing(socket.create_connection(("127.0.0.1", local), timeout=60)) as connection:
            assert connection.recv(1) == b""
        # kubectl gives up after any failure of a connection.
        assert forwarding.end() == 1
    assert "n error occurred forwarding" in forwarding.errors()
    assert f"cannot connect to port 9999 of pod {space.name}/box: Connection refused" in forwarding.errors()
    assert forwarding.errors().endswith("error: lost connection to pod\n")


class Terminal:
    """kubectl on a pseudo terminal of 30 rows and 100 columns."""

    def __init__(self, space: Space, *arguments: str) -> None:
        self._environment = {**os.environ, **space.cluster.env}
        self._command = [kubectl_binary(), "-n", space.name, *arguments]
        self._screen = ""

    def __enter__(self) -> Terminal:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            # Before kubectl asks how large it is.
            termios.tcsetwinsize(0, (30, 100))
            os.execve(self._command[0], self._command, self._environment)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def type(self, text: str) -> None:
        self._screen = ""
        os.write(self._fd, text.encode())

    def until(self, text: str, seconds: float = 60) -> str:
        """The screen since the last typing, once `text` stands on it after what was typed."""
        deadline = time.monotonic() + seconds
        while text not in self._screen:
            readable, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, f"no {text!r} on {self._screen!r}"
            self._screen += os.read(self._fd, 4096).decode()
        return self._screen

    def end(self) -> int:
        """Its exit code; whatever it still writes is read and dropped."""
        try:
            while os.read(self._fd, 4096):
                pass
        except OSError:
            pass  # the other end is closed
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
