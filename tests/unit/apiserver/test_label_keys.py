"""matchLabelKeys and mismatchLabelKeys: a new pod's own labels, written into its selectors."""

from __future__ import annotations

from api import codec, validation
from api.defaults import apply
from api.types import Pod
from apiserver.registry.strategies.label_keys import merged

LABELS = {"app": "web", "rev": "2"}
SELECTOR = {"matchLabels": {"app": "web"}}


def spec(**fields):
    return {"containers": [{"name": "c", "image": "busybox"}], **fields}


def pod(fields):
    tree = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ns", "labels": LABELS},
        "spec": fields,
    }
    return apply(codec.from_tree(Pod, tree))


def made(fields):
    record = pod(fields)
    return codec.to_tree(merged(record.spec, record.metadata.labels))


def spread(**fields):
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **fields}
    return spec(topologySpreadConstraints=[constraint])


def near(kind, **fields):
    return spec(
        affinity={kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", **fields}]}}
    )


def test_a_constraint_counts_pods_of_the_same_value():
    (constraint,) = made(spread(labelSelector=SELECTOR, matchLabelKeys=["rev"]))["topologySpreadConstraints"]
    assert constraint["labelSelector"] == SELECTOR | {
        "matchExpressions": [{"key": "rev", "operator": "In", "values": ["2"]}]
    }
    assert constraint["matchLabelKeys"] == ["rev"]


def test_terms_of_every_kind_are_merged():
    term = {"topologyKey": "zone", "labelSelector": SELECTOR, "matchLabelKeys": ["rev"], "mismatchLabelKeys": ["app"]}
    both = {
        "requiredDuringSchedulingIgnoredDuringExecution": [term],
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
    }
    affinity = made(spec(affinity={"podAffinity": both, "podAntiAffinity": both}))["affinity"]
    expected = [
        {"key": "rev", "operator": "In", "values": ["2"]},
        {"key": "app", "operator": "NotIn", "values": ["web"]},
    ]
    for kind in affinity.values():
        (required,) = kind["requiredDuringSchedulingIgnoredDuringExecution"]
        (preferred,) = kind["preferredDuringSchedulingIgnoredDuringExecution"]
        assert required["labelSelector"]["matchExpressions"] == expected
        assert preferred["podAffinityTerm"]["labelSelector"]["matchExpressions"] == expected


def test_a_label_the_pod_has_not_and_a_selector_that_is_not_there_change_nothing():
    for fields in (
        spread(labelSelector=SELECTOR, matchLabelKeys=["missing"]),
        near("podAffinity", labelSelector=SELECTOR, mismatchLabelKeys=["missing"]),
        near("podAntiAffinity", matchLabelKeys=["rev"]),
        spec(affinity={"nodeAffinity": {}}),
    ):
        assert made(fields) == codec.to_tree(pod(fields).spec)


def complaints(fields):
    record = pod(fields)
    spec_of_new = merged(record.spec, record.metadata.labels)
    tree = codec.to_tree(record) | {"spec": codec.to_tree(spec_of_new)}
    return [(problem.field, problem.detail) for problem in validation.create(codec.from_tree(Pod, tree))]


def test_a_key_the_selector_has_by_itself_is_refused_once_merged():
    both = "exists in both matchLabelKeys and labelSelector"
    where = "spec.topologySpreadConstraints[0].matchLabelKeys[0]"
    assert complaints(spread(labelSelector=SELECTOR, matchLabelKeys=["app"])) == [(where, both)]
    assert complaints(spread(labelSelector=SELECTOR, matchLabelKeys=["rev"])) == []
    term = "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]"
    assert complaints(near("podAffinity", labelSelector=SELECTOR, matchLabelKeys=["app"])) == [(f"{term}[0]", both)]
    assert complaints(near("podAffinity", labelSelector=SELECTOR, mismatchLabelKeys=["app"])) == []
