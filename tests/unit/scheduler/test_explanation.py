from api import codec
from api.types import Node
from scheduler.explanation import explain
from scheduler.pod_info import pod_info
from tests.support.objects import node, pod
from tests.support.scheduling import PROFILE, scores, snapshot


def explained(state, wanted):
    return explain(pod_info(wanted), state, PROFILE)


def test_each_node_says_which_plugin_refuses_and_why():
    taint = {"key": "k", "value": "v", "effect": "NoSchedule"}
    state = snapshot(
        [node("b", cpu="1"), node("a", taints=[taint]), node("c", cpu="4")], [pod("o", cpu="500m", on="b")]
    )
    found = explained(state, pod("p", cpu="1"))
    assert [(v.node, v.refused_by) for v in found.verdicts] == [
        ("c", ""),
        ("a", "TaintToleration"),
        ("b", "NodeResourcesFit"),
    ]
    assert found.verdicts[1].reasons == ("node(s) had untolerated taint(s): {k: v}",)
    assert found.verdicts[2].reasons == ("Insufficient cpu (asks for 1000m, 500m of 1000m left)",)
    assert found.message == ""


def test_scores_add_up_by_weight():
    state = snapshot([node("a", cpu="2", memory="4Gi"), node("b", cpu="4", memory="8Gi")])
    best, second = explained(state, pod("p", cpu="1", memory="1Gi")).verdicts
    assert (best.node, second.node) == ("b", "a")
    assert best.total == sum(score.weight * score.score for score in best.scores)
    assert {score.plugin for score in best.scores} >= {"NodeResourcesFit", "NodeAffinity", "ImageLocality"}


def test_a_bound_pod_does_not_stand_in_its_own_way_and_nothing_is_changed():
    bound = pod("p", cpu="2", on="a")
    state = snapshot([node("a", cpu="2")], [bound])
    before = state.nodes.version.copy()
    found = explained(state, pod_with_no_node(bound))
    assert [v.refused_by for v in found.verdicts] == [""]
    assert state.placed == 1
    assert (state.nodes.version == before).all()


def pod_with_no_node(bound):
    tree = codec.to_tree(bound)
    tree["spec"].pop("nodeName")
    return codec.from_tree(type(bound), tree)


def test_what_preemption_would_do_is_told():
    state = snapshot([node("a", cpu="1")], [pod("low", cpu="1", on="a")])
    found = explained(state, pod("p", cpu="1", priority=5))
    assert found.room == ("a", ("default/low",))
    assert state.placed == 1


def test_nodes_that_have_the_images_are_better():
    def with_image(name, size):
        tree = codec.to_tree(node(name))
        tree["status"]["images"] = [{"names": ["busybox:latest"], "sizeBytes": size}]
        return codec.from_tree(Node, tree)

    state = snapshot([with_image("a", 500 * 1024**2), node("b")])
    assert scores(state, pod("p"), "ImageLocality") == {"a": 23, "b": 0}
    state.put_node(node("a"))
    assert scores(state, pod("p"), "ImageLocality") == {}
