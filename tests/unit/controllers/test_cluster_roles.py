from api import codec
from api.types import ClusterRole
from controllers.cluster_role_aggregation import aggregated


def role(name, *, verbs=(), labels=None, selects=None):
    tree = {"metadata": {"name": name, "labels": labels or {}}, "rules": []}
    if verbs:
        tree["rules"] = [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]
    if selects:
        tree["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": selects}]}
    return codec.from_tree(ClusterRole, tree)


def test_an_aggregated_role_is_the_sum_of_those_it_selects():
    total = role("admin", selects={"to-admin": "true"})
    parts = [
        role("b", verbs=["get"], labels={"to-admin": "true"}),
        role("a", verbs=["list"], labels={"to-admin": "true"}),
        role("same", verbs=["get"], labels={"to-admin": "true"}),
        role("other", verbs=["delete"]),
    ]
    assert [rule.verbs for rule in aggregated(total, [total, *parts])] == [["list"], ["get"]]


def test_a_plain_role_keeps_its_rules():
    plain = role("plain", verbs=["get"])
    assert aggregated(plain, [plain]) == plain.rules
