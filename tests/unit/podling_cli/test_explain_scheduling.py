from cluster.pb import scheduler_pb2 as pb
from podling.cli.explain_scheduling import lines


def score(plugin, weight, value):
    return pb.PluginScore(plugin=plugin, weight=weight, score=value)


def willing(node, total, *scores):
    return pb.NodeVerdict(node=node, total=total, scores=scores)


def refusing(node, plugin, *reasons):
    return pb.NodeVerdict(node=node, refused_by=plugin, reasons=reasons)


def test_scores_are_shown_weighted_and_only_where_they_tell_something():
    answer = pb.ExplainResponse(
        profile="default-scheduler",
        node="b",
        state="bound",
        nodes=[
            willing("a", 290, score("Fit", 1, 90), score("Spread", 2, 100), score("Ports", 1, 0)),
            willing("b", 50, score("Fit", 1, 50), score("Spread", 2, 0), score("Ports", 1, 0)),
            refusing("c", "Taints", "tainted", "twice"),
        ],
    )
    assert lines("web", answer) == [
        "web is on b; if it were scheduled now (profile default-scheduler):",
        "",
        "NODE   SCORE   Fit x1   Spread x2\na      290     90       200\nb      50      50       0",
        "",
        "NODE   REFUSED BY   WHY\nc      Taints       tainted; twice",
    ]


def test_a_waiting_pod_hears_why_and_what_preemption_would_do():
    answer = pb.ExplainResponse(
        profile="p",
        state="unschedulable",
        message="0/1 nodes are available: 1 Insufficient cpu.",
        nodes=[refusing("a", "Fit", "Insufficient cpu")],
        room=pb.Room(node="a", victims=["default/low", "shop/lower"]),
    )
    assert lines("web", answer)[:3] == [
        "web waits for a node (unschedulable, profile p):",
        "0/1 nodes are available: 1 Insufficient cpu.",
        "Room can be made on a by removing default/low, shop/lower.",
    ]
    answer.nominated_node = "a"
    assert lines("web", answer)[0] == "web waits for room on a (unschedulable, profile p):"


def test_of_many_nodes_the_first_are_shown():
    answer = pb.ExplainResponse(nodes=[refusing(f"n{i}", "Fit", "full") for i in range(30)])
    text = lines("web", answer, 20)
    assert text[-1] == "... and 10 more: --limit 0 shows all"
    assert "n19" in text[-2] and "n20" not in text[-2]
    assert "n29" in lines("web", answer, 0)[-1]


def test_a_pod_that_can_go_nowhere_gets_no_scores():
    answer = pb.ExplainResponse(
        state="unschedulable", refusal="no claim", message="0/1: no claim.", nodes=[willing("a", 5, score("Fit", 1, 5))]
    )
    assert lines("web", answer) == ["web waits for a node (unschedulable, profile ):", "0/1: no claim."]
