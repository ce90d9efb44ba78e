from api import codec
from api.types import Pod
from scheduler.resources import pod_requests, scoring_requests
from tests.support.objects import pod


def with_containers(*containers: dict, init: tuple[dict, ...] = (), **spec: object) -> Pod:
    tree = {"metadata": {"name": "p"}, "spec": {"containers": containers, "initContainers": init, **spec}}
    return codec.from_tree(Pod, tree)


def container(name: str, restart: str | None = None, **requests: str) -> dict:
    tree = {"name": name, "resources": {"requests": requests}}
    return tree if restart is None else {**tree, "restartPolicy": restart}


def test_containers_run_side_by_side():
    wanted = pod_requests(with_containers(container("a", cpu="500m", memory="1Gi"), container("b", cpu="1")))
    assert wanted == {"cpu": 1500, "memory": 2**30}


def test_init_containers_run_one_after_another_and_only_their_peak_counts():
    both = (container("x", cpu="3"), container("y", cpu="1", memory="1Gi"))
    wanted = pod_requests(with_containers(container("a", cpu="2", memory="100"), init=both))
    assert wanted == {"cpu": 3000, "memory": 2**30}


def test_sidecars_run_beside_the_containers_and_beside_later_init_containers():
    init = (container("side", "Always", cpu="1"), container("setup", cpu="2"))
    assert pod_requests(with_containers(container("a", cpu="1"), init=init)) == {"cpu": 3000}
    init = (container("setup", cpu="2"), container("side", "Always", cpu="1"))
    assert pod_requests(with_containers(container("a", cpu="1"), init=init)) == {"cpu": 2000}


def test_pod_level_requests_win_and_overhead_is_added():
    wanted = pod_requests(
        with_containers(
            container("a", cpu="1", memory="10"),
            resources={"requests": {"cpu": "2"}},
            overhead={"cpu": "100m", "memory": "5"},
        )
    )
    assert wanted == {"cpu": 2100, "memory": 15}


def test_what_asks_for_nothing_counts_something_in_scoring():
    assert scoring_requests(pod("p")) == (100, 200 * 1024 * 1024)
    assert scoring_requests(pod("p", cpu="1")) == (1000, 200 * 1024 * 1024)
