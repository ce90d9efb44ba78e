"""Making strategic merge patches: two-way and, as `kubectl apply`, three-way."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import errors
from api.patch import create_three_way_merge_patch, create_two_way_merge_patch, strategic_merge
from api.types import Deployment, Pod, Service


def deployment(*containers, **spec):
    return {"spec": {"template": {"spec": {"containers": list(containers)}}, **spec}}


WEB = {"name": "web", "image": "web:1"}
LOG = {"name": "log", "image": "log:1"}

TWO_WAY = [
    ("nothing", deployment(WEB), deployment(WEB), {}),
    ("a changed scalar", deployment(WEB, replicas=1), deployment(WEB, replicas=2), {"spec": {"replicas": 2}}),
    ("a removed field", {"metadata": {"labels": {"a": "1", "b": "2"}}}, {"metadata": {"labels": {"a": "1"}}},
     {"metadata": {"labels": {"b": None}}}),
    ("an image", deployment(WEB, LOG), deployment({**WEB, "image": "web:2"}, LOG), {
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}],
                                       "$setElementOrder/containers": [{"name": "web"}, {"name": "log"}]}}}}),
    ("a removed container", deployment(WEB, LOG), deployment(WEB),
     {"spec": {"template": {"spec": {"containers": [{"name": "log", "$patch": "delete"}],
                                     "$setElementOrder/containers": [{"name": "web"}]}}}}),
    ("another order", deployment(WEB, LOG), deployment(LOG, WEB),
     {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "log"}, {"name": "web"}]}}}}),
    ("retained keys", deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}),
     deployment(strategy={"type": "Recreate"}),
     {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": None, "type": "Recreate"}}}),
    ("finalizers", {"metadata": {"finalizers": ["b", "a"]}}, {"metadata": {"finalizers": ["c", "a"]}},
     {"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["b"],
                   "$setElementOrder/finalizers": ["c", "a"]}}),
]  # fmt: skip


@pytest.mark.parametrize(("original", "modified", "expected"), [case[1:] for case in TWO_WAY],
                         ids=[case[0] for case in TWO_WAY])  # fmt: skip
def test_two_way(original, modified, expected):
    before = copy.deepcopy((original, modified))
    patch = create_two_way_merge_patch(Deployment, original, modified)
    assert patch == expected
    assert strategic_merge(Deployment, original, patch) == modified
    assert (original, modified) == before


def test_three_way_keeps_what_others_added_and_deletes_what_was_dropped():
    last_applied = {**deployment(WEB, LOG, replicas=1), "metadata": {"labels": {"a": "1", "old": "x"}}}
    modified = {**deployment({**WEB, "image": "web:2"}), "metadata": {"labels": {"a": "1"}}}
    live = {
        "metadata": {"labels": {"a": "1", "old": "x", "added": "y"}, "uid": "u"},
        "spec": {
            "replicas": 5,
            "template": {"spec": {"containers": [
                {**WEB, "imagePullPolicy": "Always"}, LOG, {"name": "injected", "image": "i"}
            ]}},
        },
        "status": {"replicas": 5},
    }  # fmt: skip
    patch = create_three_way_merge_patch(Deployment, last_applied, modified, live)
    assert patch == {
        "metadata": {"labels": {"old": None}},
        "spec": {
            "replicas": None,
            "template": {
                "spec": {
                    "$setElementOrder/containers": [{"name": "web"}],
                    "containers": [{"name": "web", "image": "web:2"}, {"name": "log", "$patch": "delete"}],
                }
            },
        },
    }
    merged = strategic_merge(Deployment, live, patch)
    assert merged["metadata"]["labels"] == {"a": "1", "added": "y"}
    assert merged["status"] == {"replicas": 5}
    assert merged["spec"]["template"]["spec"]["containers"] == [
        {"name": "web", "image": "web:2", "imagePullPolicy": "Always"},
        {"name": "injected", "image": "i"},
    ]


def test_three_way_without_a_last_applied_configuration_only_adds():
    live = {"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 3}}
    patch = create_three_way_merge_patch(Deployment, None, {"spec": {"replicas": 2}}, live)
    assert patch == {"spec": {"replicas": 2}}


def test_three_way_is_empty_when_all_is_as_applied():
    applied = deployment(WEB, replicas=1)
    live = {**deployment({**WEB, "imagePullPolicy": "Always"}, replicas=1), "status": {"replicas": 1}}
    assert create_three_way_merge_patch(Deployment, applied, applied, live) == {}


def test_three_way_joins_retained_keys_of_both_halves():
    rolling = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = create_three_way_merge_patch(Deployment, rolling, {"spec": {"strategy": {"type": "Recreate"}}}, rolling)
    assert patch == {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": None, "type": "Recreate"}}}


def test_ports_that_share_a_number_are_told_apart():
    def ports(udp_target):
        return {"spec": {"ports": [
            {"port": 53, "protocol": "TCP", "targetPort": 53}, {"port": 53, "protocol": "UDP", "targetPort": udp_target}
        ]}}  # fmt: skip

    patch = create_two_way_merge_patch(Service, ports(53), ports(5353))
    assert patch["spec"]["ports"] == [{"port": 53, "targetPort": 5353}]


def test_an_element_without_its_key_is_an_error():
    with pytest.raises(errors.StatusError, match="does not contain declared merge key: name"):
        create_two_way_merge_patch(Pod, {"spec": {"containers": [{"image": "a"}]}}, {"spec": {"containers": [WEB]}})


names = st.sampled_from("abcd")
environment = st.lists(st.fixed_dictionaries({"name": names, "value": names}), unique_by=lambda item: item["name"])
container = st.fixed_dictionaries(
    {"name": names}, optional={"image": names, "env": environment, "args": st.lists(names)}
)
pods = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": st.dictionaries(names, names),
                "finalizers": st.lists(names, unique=True),
            },
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "nodeName": names,
                "containers": st.lists(container, unique_by=lambda item: item["name"]),
            },
        ),
    },
)


def without_empty(value):
    """A tree without empty lists and maps, which the records do not write anyway."""
    if isinstance(value, dict):
        cleaned = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in cleaned.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    return value


@given(pods, pods)
def test_a_two_way_patch_turns_the_one_into_the_other(original, modified):
    patch = create_two_way_merge_patch(Pod, original, modified)
    assert without_empty(strategic_merge(Pod, original, patch)) == without_empty(modified)


@given(pods, pods, pods)
def test_after_applying_all_that_was_applied_holds(last_applied, modified, live):
    before = copy.deepcopy((last_applied, modified, live))
    patch = create_three_way_merge_patch(Pod, last_applied, modified, live)
    merged = strategic_merge(Pod, live, patch)
    for key, value in modified.get("metadata", {}).get("labels", {}).items():
        assert merged["metadata"]["labels"][key] == value
    wanted = {item["name"]: item for item in modified.get("spec", {}).get("containers", [])}
    merged_containers = {item["name"]: item for item in merged.get("spec", {}).get("containers") or []}
    for name, item in wanted.items():
        assert merged_containers[name].get("image") == item.get("image", merged_containers[name].get("image"))
    assert (last_applied, modified, live) == before
