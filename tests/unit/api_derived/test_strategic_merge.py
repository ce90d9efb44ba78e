"""Strategic merge patch: what upstream makes of a patch, case by case."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import errors
from api.patch import strategic_merge
from api.types import ConfigMap, Deployment, Node, Pod, Service


def containers(*items):
    return {"spec": {"containers": list(items)}}


def container(name, **more):
    return {"name": name, **more}


A, B, C = container("a", image="a:1"), container("b", image="b:1"), container("c", image="c:1")
NEW = container("new", image="new:1")

POD_CASES = [
    ("map fields merge", {"metadata": {"labels": {"a": "1", "b": "2"}}}, {"metadata": {"labels": {"b": "3", "c": "4"}}},
     {"metadata": {"labels": {"a": "1", "b": "3", "c": "4"}}}),
    ("null removes", {"metadata": {"labels": {"a": "1", "b": "2"}}}, {"metadata": {"labels": {"b": None, "c": None}}},
     {"metadata": {"labels": {"a": "1"}}}),
    ("null removes a list", containers(A), {"spec": {"containers": None}}, {"spec": {}}),
    ("null inside something new is dropped", {}, {"metadata": {"labels": {"a": "1", "b": None}}},
     {"metadata": {"labels": {"a": "1"}}}),
    ("elements merge by key", containers(A, B), containers({"name": "b", "image": "b:2"}),
     containers(A, container("b", image="b:2"))),
    ("a new element goes first", containers(A, B), containers(NEW), containers(NEW, A, B)),
    ("the patch's order wins", containers(A, B, C), containers({"name": "c"}, {"name": "a"}), containers(B, C, A)),
    ("setElementOrder puts a new element last", containers(A, B),
     {"spec": {"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}, {"name": "new"}], "containers": [NEW]}},
     containers(A, B, NEW)),
    ("setElementOrder alone reorders", containers(A, B, C),
     {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}}, containers(B, C, A)),
    ("elements the order does not name keep their place", containers(A, B, C),
     {"spec": {"$setElementOrder/containers": [{"name": "a"}, {"name": "c"}],
               "containers": [{"name": "c", "image": "c:2"}]}},
     containers(A, B, container("c", image="c:2"))),
    ("delete directive", containers(A, B), containers({"name": "a", "$patch": "delete"}), containers(B)),
    ("delete of what is not there", containers(A), containers({"name": "zz", "$patch": "delete"}), containers(A)),
    ("replace directive in a list", containers(A, B), containers(NEW, {"$patch": "replace"}), containers(NEW)),
    ("replace directive in a map", {"metadata": {"labels": {"a": "1"}}},
     {"metadata": {"labels": {"$patch": "replace", "b": "2"}}}, {"metadata": {"labels": {"b": "2"}}}),
    ("delete directive in a map", {"metadata": {"labels": {"a": "1"}}},
     {"metadata": {"labels": {"$patch": "delete"}}}, {"metadata": {"labels": {}}}),
    ("a directive for what is not there", {}, {"metadata": {"labels": {"$patch": "delete"}}}, {"metadata": {}}),
    ("nested lists merge too",
     containers(container("a", env=[{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}])),
     containers(container("a", env=[{"name": "Y", "value": "3"}])),
     containers(container("a", env=[{"name": "X", "value": "1"}, {"name": "Y", "value": "3"}]))),
    ("lists of scalars are replaced", containers(container("a", args=["1", "2"])),
     containers(container("a", args=["3"])), containers(container("a", args=["3"]))),
    ("lists with atomic strategy are replaced", {"spec": {"tolerations": [{"key": "a"}]}},
     {"spec": {"tolerations": [{"key": "b"}]}}, {"spec": {"tolerations": [{"key": "b"}]}}),
    ("finalizers merge", {"metadata": {"finalizers": ["a", "b"]}}, {"metadata": {"finalizers": ["c", "a"]}},
     {"metadata": {"finalizers": ["c", "a", "b"]}}),
    ("finalizers deleted by value", {"metadata": {"finalizers": ["a", "b", "c"]}},
     {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b", "zz"]}}, {"metadata": {"finalizers": ["a", "c"]}}),
    ("finalizers deleted and added in order", {"metadata": {"finalizers": ["a", "b"]}},
     {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b", "c"],
                   "finalizers": ["c"]}}, {"metadata": {"finalizers": ["b", "c"]}}),
    ("deleting from a list that is not there", {"metadata": {}},
     {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}, {"metadata": {}}),
    ("volumes retain keys", {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
     {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}},
     {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}}),
    ("ports merge by containerPort", containers(container("a", ports=[{"containerPort": 80, "name": "x"}])),
     containers(container("a", ports=[{"containerPort": 80, "hostPort": 81}])),
     containers(container("a", ports=[{"containerPort": 80, "name": "x", "hostPort": 81}]))),
    ("conditions merge by type",
     {"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "X", "status": "True"}]}},
     {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
     {"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "True"}]}}),
    ("unknown fields are taken as they come", {"spec": {}}, {"spec": {"weird": {"a": [1]}}},
     {"spec": {"weird": {"a": [1]}}}),
    ("the empty patch", containers(A), {}, containers(A)),
    ("null as patch", containers(A), None, containers(A)),
]  # fmt: skip


def fill(expected, tree):
    """Elements of the merge-by-key cases are written short: fill in what their original says."""
    if "containers" not in (expected.get("spec") or {}):
        return expected
    originals = {item["name"]: item for item in tree.get("spec", {}).get("containers") or []}
    return containers(*({**originals.get(item["name"], {}), **item} for item in expected["spec"]["containers"]))


@pytest.mark.parametrize(("tree", "patch", "expected"), [case[1:] for case in POD_CASES],
                         ids=[case[0] for case in POD_CASES])  # fmt: skip
def test_pods(tree, patch, expected):
    before = copy.deepcopy((tree, patch))
    assert strategic_merge(Pod, tree, patch) == fill(expected, tree)
    assert (tree, patch) == before


def test_deployment_strategy_retains_keys():
    """What `kubectl apply` sends to go from RollingUpdate to Recreate."""
    tree = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(Deployment, tree, patch) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_set_image_touches_only_its_container():
    """What `kubectl set image` sends."""
    template = {"spec": {"containers": [A, B], "restartPolicy": "Always"}}
    order = [{"name": "a"}, {"name": "b"}]
    changed = {"containers": [{"name": "a", "image": "a:2"}], "$setElementOrder/containers": order}
    patch = {"spec": {"template": {"spec": changed}}}
    result = strategic_merge(Deployment, {"spec": {"template": template, "replicas": 3}}, patch)
    assert result == {
        "spec": {
            "replicas": 3,
            "template": {"spec": {"containers": [{"name": "a", "image": "a:2"}, B], "restartPolicy": "Always"}},
        }
    }
    assert result["spec"]["template"]["spec"]["containers"][1] is B


def test_service_ports_merge_by_port():
    tree = {"spec": {"ports": [{"port": 80, "nodePort": 30000}, {"port": 443}]}}
    patch = {"spec": {"ports": [{"port": 80, "targetPort": "http"}]}}
    assert strategic_merge(Service, tree, patch)["spec"]["ports"] == [
        {"port": 80, "nodePort": 30000, "targetPort": "http"},
        {"port": 443},
    ]


def test_pod_cidrs_of_a_node_merge_as_scalars():
    tree = {"spec": {"podCIDRs": ["10.0.0.0/24"]}}
    assert strategic_merge(Node, tree, {"spec": {"podCIDRs": ["fd00::/64"]}})["spec"]["podCIDRs"] == [
        "fd00::/64",
        "10.0.0.0/24",
    ]


BAD = [
    ("a list as patch", [], errors.BadRequest, 400,
     "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ("retainKeys that is no list", {"spec": {"$retainKeys": "x"}}, errors.BadRequest, 400,
     "invalid patch format of retainKeys"),
    ("a key retainKeys does not name", {"spec": {"$retainKeys": ["x"], "nodeName": "n"}}, errors.BadRequest, 400,
     "invalid patch format of retainKeys"),
    ("deletion without a list's name", {"spec": {"$deleteFromPrimitiveList": ["a"]}}, errors.BadRequest, 400,
     "invalid patch format of primitive list"),
    ("order without a list's name", {"spec": {"$setElementOrder": []}}, errors.BadRequest, 400,
     "invalid patch format of setElementOrder list"),
    ("element without merge key", containers({"image": "x"}), errors.StatusError, 500,
     "map: map[image:x] does not contain declared merge key: name"),
    ("unknown directive", {"spec": {"$patch": "zap"}}, errors.StatusError, 500,
     "unknown patch type: zap in map: map[$patch:zap]"),
    ("merge directive in a list", containers({"name": "a", "$patch": "merge"}), errors.StatusError, 500,
     "merging lists cannot yet be specified in the patch"),
    ("mixed elements", containers("a"), errors.StatusError, 500, "list element types are not identical: "
     "[[map[image:a:1 name:a]] [a]]"),
    ("order that contradicts the patch",
     {"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a", "image": "x"}]}},
     errors.StatusError, 500, "doesn't match $setElementOrder list"),
    ("list of lists", containers(["a"]), errors.Invalid, 422,
     "the server rejected our request due to an error in our request"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("patch", "error", "code", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bad_patches(patch, error, code, message):
    with pytest.raises(error) as caught:
        strategic_merge(Pod, containers(A), patch)
    assert caught.value.code == code
    assert message in caught.value.message


def test_kinds_without_a_record_have_no_strategic_merge():
    with pytest.raises(errors.UnsupportedMediaType) as caught:
        strategic_merge(None, {}, {})
    assert "application/merge-patch+json" in caught.value.message


names = st.sampled_from("abcdef")
lists = st.lists(names, unique=True, max_size=5).map(lambda found: [container(name, image=name) for name in found])


@given(lists, lists)
def test_merging_a_list_twice_is_merging_it_once(old, new):
    tree, patch = containers(*old), containers(*new)
    before = copy.deepcopy((tree, patch))
    once = strategic_merge(Pod, tree, patch)
    assert strategic_merge(Pod, once, patch) == once
    assert {item["name"] for item in once["spec"]["containers"]} == {item["name"] for item in [*old, *new]}
    assert (tree, patch) == before


@given(st.lists(names, unique=True, min_size=1, max_size=6), st.permutations("abcdef"))
def test_set_element_order_is_obeyed(old, order):
    patch = {"spec": {"$setElementOrder/containers": [{"name": name} for name in order]}}
    merged = strategic_merge(Pod, containers(*map(container, old)), patch)
    assert [item["name"] for item in merged["spec"]["containers"]] == [name for name in order if name in old]


@given(st.dictionaries(names, st.text(max_size=2)), st.dictionaries(names, st.none() | st.text(max_size=2)))
def test_string_maps_merge_like_a_merge_patch(data, patch):
    merged = strategic_merge(ConfigMap, {"data": data}, {"data": patch})["data"]
    assert merged == {key: value for key, value in {**data, **patch}.items() if value is not None}
