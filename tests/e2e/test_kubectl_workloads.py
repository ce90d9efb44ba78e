"""kubectl makes, exposes, scales, rolls out and undoes Deployments, as its users do all day."""

from __future__ import annotations

import re

from tests.support.cluster import eventually
from tests.support.kube import Space, Tree, container_status
from tests.support.manifests import WEB, container, deployment, pod

RESTARTED = "kubectl.kubernetes.io/restartedAt"


def _web(space: Space, replicas: int = 2) -> None:
    space.create(deployment("web", container(WEB), replicas=replicas))
    space.wait_deployment("web")


def _history(space: Space) -> list[tuple[str, str]]:
    """Revisions and their causes."""
    told = space.kubectl("rollout", "history", "deployment/web")
    return re.findall(r"^(\d+) +(\S+)$", told, re.MULTILINE)


def _only_pod(space: Space) -> str:
    """The name of the deployment's pod, once that is alone: one that is replaced may be shown a while."""
    names: list[str] = []

    def alone() -> bool:
        names[:] = [tree["metadata"]["name"] for tree in space.list("pods", "app=web")]
        return len(names) == 1

    eventually("one pod", alone, state=space.story)
    return names[0]


def test_create_deployment_expose_and_scale(space: Space) -> None:
    # With kubectl's default grace of 30 seconds, it should end by itself.
    script = WEB.replace("exec httpd -f", "httpd") + "; trap 'exit 0' TERM; sleep 3600 & wait"
    command = ("--image=busybox", "--replicas=2", "--port=8080", "--", "sh", "-c", script)
    assert space.kubectl("create", "deployment", "web", *command) == "deployment.apps/web created\n"
    assert 'deployment "web" successfully rolled out\n' in space.kubectl("rollout", "status", "deployment/web")
    assert space.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080") == "service/web exposed\n"
    space.wait_endpoints("web", 2)
    address = space.get("services", "web")["spec"]["clusterIP"]
    name = space.list("pods", "app=web")[0]["metadata"]["name"]
    ask = ("exec", name, "--", "timeout", "2", "wget", "-q", "-O", "-", f"http://{address}")
    eventually("an answer", lambda: space.run(*ask).stdout.startswith("web-"))

    assert space.kubectl("scale", "deployment/web", "--replicas=4") == "deployment.apps/web scaled\n"
    assert "successfully rolled out" in space.kubectl("rollout", "status", "deployment/web")
    space.wait_endpoints("web", 4)
    space.kubectl("scale", "deployment", "web", "--current-replicas=4", "--replicas=1")
    space.wait_deployment("web")
    space.wait_endpoints("web", 1)
    failure = space.kubectl_fails("scale", "deployment", "web", "--current-replicas=7", "--replicas=9")
    assert failure == "error: Expected replicas to be 7, was 1\n"


def test_set_image_history_and_undo(space: Space) -> None:
    _web(space)
    annotate = ("annotate", "deployment/web", "--overwrite")
    space.kubectl(*annotate, "kubernetes.io/change-cause=first")
    # The revision is told its cause by a controller, for as long as it is the newest.
    eventually("the first cause", lambda: _history(space) == [("1", "first")])
    assert (
        space.kubectl("set", "image", "deployment/web", "main=busybox:latest") == "deployment.apps/web image updated\n"
    )
    space.kubectl("rollout", "status", "deployment/web")
    space.kubectl(*annotate, "kubernetes.io/change-cause=second")
    eventually("both causes", lambda: _history(space) == [("1", "first"), ("2", "second")])
    assert "Image:\tbusybox:latest\n" in space.kubectl("rollout", "history", "deployment/web", "--revision=2")

    assert space.kubectl("rollout", "undo", "deployment/web") == "deployment.apps/web rolled back\n"
    space.kubectl("rollout", "status", "deployment/web")
    tree = space.wait_deployment("web")
    assert tree["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox"
    assert tree["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    eventually("the first is the newest", lambda: _history(space) == [("2", "second"), ("3", "first")])

    space.kubectl("rollout", "undo", "deployment/web", "--to-revision=2")
    tree = space.wait_deployment("web")
    assert tree["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox:latest"
    assert len(space.list("replicasets", "app=web")) == 2
    failure = space.kubectl_fails("rollout", "undo", "deployment/web", "--to-revision=99")
    assert failure == "error: unable to find specified revision 99 in history\n"


def test_restart_pause_and_resume(space: Space) -> None:
    _web(space, replicas=1)
    before = space.list("pods", "app=web")[0]["metadata"]["uid"]
    assert space.kubectl("rollout", "restart", "deployment/web") == "deployment.apps/web restarted\n"
    space.kubectl("rollout", "status", "deployment/web")
    space.wait_deployment("web")
    template = space.get("deployments", "web")["spec"]["template"]
    assert RESTARTED in template["metadata"]["annotations"]
    assert space.get("pods", _only_pod(space))["metadata"]["uid"] != before

    assert space.kubectl("rollout", "pause", "deployment/web") == "deployment.apps/web paused\n"
    space.kubectl("set", "env", "deployment/web", "COLOUR=green")
    tree = space.wait(
        "observed", "deployments", "web", lambda d: d["status"]["observedGeneration"] == d["metadata"]["generation"]
    )
    assert tree["status"].get("updatedReplicas", 0) == 0
    assert {c["type"]: c["reason"] for c in tree["status"]["conditions"]}["Progressing"] == "DeploymentPaused"
    assert space.kubectl("rollout", "resume", "deployment/web") == "deployment.apps/web resumed\n"
    space.wait_deployment("web")
    assert space.exec(_only_pod(space), "echo $COLOUR") == "green\n"


def test_rollout_status_tells_how_far_it_is(space: Space) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    space.create(deployment("web", container(WEB, readinessProbe=probe), replicas=2))
    with space.kubectl_streams("rollout", "status", "deployment/web", "--timeout=200s") as told:
        waiting = told.until("of 2 updated replicas are available...")
        assert waiting.startswith('Waiting for deployment "web" rollout to finish: ')
        space.wait("up", "deployments", "web", lambda tree: tree["status"].get("replicas") == 2)
        for tree in space.list("pods", "app=web"):
            name = tree["metadata"]["name"]
            space.wait("started", "pods", name, lambda tree: container_status(tree).get("started"))
            space.exec(name, "touch /tmp/ready")
        assert told.until("successfully") == 'deployment "web" successfully rolled out'
        assert told.end() == 0


def cannot_pull(pod: Tree) -> bool:
    return any(
        status["state"].get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")
        for status in pod["status"].get("containerStatuses", ())
    )


def test_a_rollout_that_cannot_progress_says_so(space: Space) -> None:
    space.create(deployment("web", container(image="127.0.0.1:1/no-such-image"), spec={"progressDeadlineSeconds": 1}))
    failure = space.kubectl_fails("rollout", "status", "deployment/web", "--timeout=50s")
    assert failure == 'error: deployment "web" exceeded its progress deadline\n'
    space.wait("unable to pull", "pods", _only_pod(space), cannot_pull)


def test_run_and_its_exit_code(space: Space) -> None:
    assert space.kubectl("run", "one", "--image=busybox", "--", "sleep", "60") == "pod/one created\n"
    assert space.get("pods", "one")["metadata"]["labels"] == {"run": "one"}
    # A pod that has a moment to live is attached to; its output and exit code come through.
    attached = ("--image=busybox", "--restart=Never", "-i", "--rm", "--quiet", "--command", "--")
    done = space.run("run", "two", *attached, "sh", "-c", "read line; echo got $line; exit 3", stdin="word\n")
    assert (done.returncode, done.stdout) == (3, "got word\n"), done
    space.gone("pods", "two")


def test_wait_for_conditions_deletion_and_fields(space: Space) -> None:
    space.create(deployment("web", container(WEB), replicas=1))
    done = space.kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=50s")
    assert done == "deployment.apps/web condition met\n"
    space.kubectl("wait", "--for=jsonpath={.status.readyReplicas}=1", "deployment/web", "--timeout=50s")
    name = space.list("pods", "app=web")[0]["metadata"]["name"]
    assert space.kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=web") == f"pod/{name} condition met\n"
    failure = space.kubectl_fails("wait", "--for=condition=Ready=False", f"pod/{name}", "--timeout=500ms")
    assert failure == f"error: timed out waiting for the condition on pods/{name}\n"
    # As process 1 `sleep` ignores SIGTERM: the pod takes its whole grace, and kubectl sees it go.
    space.create(pod("slow", terminationGracePeriodSeconds=5))
    space.wait_running("slow")
    space.kubectl("delete", "pod", "slow", "--wait=false")
    assert space.kubectl("wait", "--for=delete", "pod/slow", "--timeout=50s") == "pod/slow condition met\n"


def test_the_example_answers_from_every_replica(space: Space) -> None:
    space.kubectl("apply", "-f", "deploy/examples/web.yaml")
    space.kubectl("rollout", "status", "deployment/web", "deployment/caller", "--timeout=50s")
    caller = space.list("pods", "app=caller")[0]["metadata"]["name"]

    def answering() -> set[str]:
        return set(re.findall(r"^hello from (web-\S+)$", space.log(caller), re.MULTILINE))

    names = {pod["metadata"]["name"] for pod in space.list("pods", "app=web")}
    assert len(names) == 3
    eventually("answers from every replica", lambda: answering() == names, state=lambda: space.log(caller))
    assert len({pod["spec"]["nodeName"] for pod in space.list("pods", "app=web")}) == 3
