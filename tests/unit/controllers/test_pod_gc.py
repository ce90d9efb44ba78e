from controllers.pod_gc import plan
from tests.support.objects import node, pod

GOING = {"deletionTimestamp": "2024-01-01T00:00:00Z"}


def removed(pods, *, nodes=(), missing=None, threshold=0, now=1000.0):
    found = plan(pods, {each.metadata.name: each for each in nodes}, missing or {}, threshold, now)
    return sorted((each.pod.metadata.name, each.lost) for each in found)


def test_pods_of_a_node_that_is_gone_are_lost_after_a_while():
    lost = pod("lost", on="gone")
    assert removed([lost], missing={"gone": 961.0}) == []
    assert removed([lost], missing={"gone": 960.0}) == [("lost", True)]
    assert removed([pod("kept", on="a")], nodes=[node("a")], missing={"gone": 0.0}) == []


def test_pods_deleted_before_they_had_a_node_go_at_once():
    assert removed([pod("never", meta=GOING), pod("waiting")]) == [("never", False)]


def test_the_oldest_finished_pods_beyond_the_threshold_go():
    def finished(name, stamp):
        return pod(name, on="a", status={"phase": "Succeeded"}, meta={"creationTimestamp": stamp})

    pods = [finished("young", "2024-01-03T00:00:00Z"), finished("old", "2024-01-01T00:00:00Z"), pod("runs", on="a")]
    assert removed(pods, nodes=[node("a")], threshold=1) == [("old", False)]
    assert removed(pods, nodes=[node("a")], threshold=0) == []


def test_terminating_pods_of_a_node_out_of_service_go():
    taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
    pods = [pod("stuck", on="a", meta=GOING), pod("running", on="a")]
    assert removed(pods, nodes=[node("a", ready="Unknown", taints=[taint])]) == [("stuck", True)]
    assert removed(pods, nodes=[node("a", taints=[taint])]) == []
