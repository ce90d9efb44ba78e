"""`podling run`: what is typed as a Pod, a Pod as a row, published ports, where the inner command begins."""

from __future__ import annotations

import pytest

from images.oci import Healthcheck, RunConfig
from podling.cli.separator import separated
from podling.errors import CommandError
from podling.run import commands, container, publish
from podling.run.container import Wish
from podling.run.publish import Published

NOW = 1_700_000_000.0
STARTED = "2023-11-14T22:13:20Z"


def main(**more: object) -> dict[str, object]:
    return container.pod(Wish(name="web", image="app", **more), None)["spec"]["containers"][0]  # type: ignore[arg-type]


def test_a_container_becomes_a_pod() -> None:
    wish = Wish(
        name="web",
        image="app",
        command=["-x"],
        environment=["A=1=2"],
        ports=["8080:80", "127.0.0.1:53:5353/udp"],
        volumes=["/srv/data:/data:ro", "cache:/cache"],
        memory="512m",
        cpus="0.5",
        restart="on-failure:3",
    )
    tree = container.pod(wish, None)
    main = tree["spec"]["containers"][0]
    assert main["args"] == ["-x"]
    assert main["env"] == [{"name": "A", "value": "1=2"}]
    assert container.ports(tree) == [(8080, 80, "tcp", ""), (53, 5353, "udp", "")]
    assert container.sources(tree) == ["/srv/data", "/var/lib/podling/volumes/cache"]
    assert main["volumeMounts"][0] == {"name": "volume-0", "mountPath": "/data", "readOnly": True}
    assert main["resources"]["limits"] == {"memory": str(512 * 2**20), "cpu": "0.5"}
    assert main["resources"]["requests"] == {"memory": "0", "cpu": "0"}
    assert tree["spec"]["restartPolicy"] == "OnFailure"
    assert "nodeSelector" in tree["spec"]


def test_networks() -> None:
    assert container.pod(Wish(name="a", image="b", network="host"), None)["spec"]["hostNetwork"] is True
    none = container.pod(Wish(name="a", image="b", network="none"), None)
    assert none["metadata"]["annotations"][container.NETWORK_ANNOTATION] == "none"
    assert "hostNetwork" not in none["spec"]


def test_an_image_that_says_when_it_is_healthy_is_probed() -> None:
    config = RunConfig(healthcheck=Healthcheck(test=["CMD-SHELL", "true"], interval=1_500_000_000, retries=5))
    probe = container.pod(Wish(name="a", image="b"), config)["spec"]["containers"][0]["readinessProbe"]
    assert probe["exec"] == {"command": ["/bin/sh", "-c", "true"]}
    assert (probe["periodSeconds"], probe["timeoutSeconds"], probe["failureThreshold"]) == (2, 30, 5)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"ports": ["http:80"]}, "-p http:80"),
        ({"ports": ["80:99999"]}, "-p 80:99999"),
        ({"ports": ["80:80"], "network": "none"}, "has no ports"),
        ({"ports": ["8080:80"], "network": "host"}, "its own number"),
        ({"volumes": ["data"]}, "SOURCE:TARGET"),
        ({"volumes": ["./x:/y"]}, "neither an absolute path"),
        ({"network": "bridge"}, "there are pod, host and none"),
        ({"memory": "lots"}, "it is a size"),
        ({"cpus": "0"}, "a number of CPUs"),
        ({"environment": ["=x"]}, "NAME=VALUE"),
        ({"user": "me"}, "give numbers"),
        ({"restart": "maybe"}, "there are no, always"),
    ],
)
def test_what_cannot_be_is_said(more: dict[str, object], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        main(**more)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"running": {"startedAt": "2023-11-14T22:13:10Z"}}, "Up 10s"),
        ({"terminated": {"exitCode": 3, "finishedAt": "2023-11-14T22:13:15Z"}}, "Exited (3) 5s ago"),
        ({"waiting": {"reason": "ImagePullBackOff", "message": "x"}}, "ImagePullBackOff"),
    ],
)
def test_states_are_told_as_docker_does(state: dict[str, object], text: str) -> None:
    tree = {
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "main", "image": "app"}]},
        "status": {"containerStatuses": [{"state": state}]},
    }
    assert container.status(tree, NOW) == text
    assert bool(container.trouble(tree)) == ("waiting" in state)


def test_published_ports_as_rules() -> None:
    text = publish.ruleset("ab12", "pl-ab12", [Published("tcp", 80, "10.128.0.2"), Published("udp", 53, "10.128.0.3")])
    assert "ip daddr 127.0.0.0/8 tcp dport 80 dnat to 10.128.0.2:80" in text
    assert "udp dport 53 dnat to 10.128.0.3:53" in text
    assert publish.ruleset("ab12", "pl-ab12", []).count("\n") == 2


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("run busybox ls -l", "run busybox -- ls -l"),
        ("run -d -p 80:80 --name web -it app -p 1", "run -d -p 80:80 --name web -it app -- -p 1"),
        ("run --name=x app", "run --name=x app"),
        ("run app -- x", "run app -- x"),
        ("exec web sh -c x", "exec web -- sh -c x"),
        ("exec web -c main -- ls", "exec web -c main -- ls"),
        ("exec web -c main", "exec web -c main"),
        ("get pods -A", "get pods -A"),
        ("build -t app -", "build -t app -- -"),
        ("build - -t app", "build -t app -- -"),
        ("build -t app -f - .", "build -t app -f - ."),
    ],
)
def test_where_the_inner_command_begins(typed: str, understood: str) -> None:
    assert " ".join(separated(typed.split())) == understood


def test_a_command_that_cannot_be_started() -> None:
    def pod(**status: object) -> dict[str, object]:
        return {"status": {"containerStatuses": [status]}}

    ended = {"terminated": {"reason": "StartError", "exitCode": 128, "message": 'exec: "x": not found in $PATH'}}
    assert container.never_began(pod(state=ended)) == 'exec: "x": not found in $PATH'
    assert container.never_began(pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=ended))
    assert container.never_began(pod(state={"terminated": {"reason": "Error", "exitCode": 1}})) == ""
    assert container.never_began(pod(state={"running": {}})) == ""
    assert container.exit_code_of("stat /nope: no such file or directory") == 127
    assert container.exit_code_of("exec /etc/passwd: permission denied") == 126


def test_input_ends_with_its_session_but_for_a_terminals() -> None:
    assert main(stdin=True)["stdinOnce"] is True
    assert "stdinOnce" not in main(stdin=True, tty=True)


def test_what_is_removed_at_its_end_is_not_restarted() -> None:
    with pytest.raises(CommandError, match="--rm and --restart always exclude each other"):
        container.pod(Wish(name="a", image="b", remove=True, restart="always"), None)


def test_variables_of_this_shell_are_passed_on_when_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIVEN", "1=2")
    monkeypatch.delenv("ABSENT", raising=False)
    assert commands.given(["GIVEN", "ABSENT", "A=", "B=3"]) == ["GIVEN=1=2", "A=", "B=3"]


def test_no_entrypoint_at_all() -> None:
    assert main(entrypoint="", command=["echo", "hi"])["command"] == ["echo", "hi"]
    assert "args" not in main(entrypoint="", command=["echo", "hi"])
    assert main(entrypoint="cat", command=["x"])["args"] == ["x"]
    with pytest.raises(CommandError, match="leaves nothing to run"):
        main(entrypoint="")


@pytest.mark.parametrize(
    ("ready", "seconds", "shown"), [(True, 1, "healthy"), (False, 8, "health: starting"), (False, 12, "unhealthy")]
)
def test_health_is_shown(ready: bool, seconds: int, shown: str) -> None:
    config = RunConfig(
        healthcheck=Healthcheck(test=["CMD", "true"], interval=10**9, timeout=10**9, retries=2, start_period=5 * 10**9)
    )
    pod = container.pod(Wish(name="a", image="b"), config)
    pod["status"] = {"containerStatuses": [{"ready": ready, "state": {"running": {"startedAt": STARTED}}}]}
    assert container.status(pod, NOW + seconds) == f"Up {seconds}s ({shown})"


@pytest.mark.parametrize(("mode", "read_only"), [("", False), (":rw,z", False), (":Z", False), (":ro,Z", True)])
def test_modes_of_volumes(mode: str, read_only: bool) -> None:
    [mount] = main(volumes=[f"/srv:/data{mode}"])["volumeMounts"]  # type: ignore[misc]
    assert mount.get("readOnly", False) is read_only


@pytest.mark.parametrize("mode", [":rx", ":ro,rw", ":ro,"])
def test_modes_volumes_do_not_have(mode: str) -> None:
    with pytest.raises(CommandError, match="it is SOURCE:TARGET"):
        main(volumes=[f"/srv:/data{mode}"])
