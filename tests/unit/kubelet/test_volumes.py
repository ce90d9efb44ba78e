"""The files of volumes filled from the API, and when tokens are renewed."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec
from api.types import ConfigMap, DownwardAPIVolumeFile, KeyToPath, Secret
from kubelet.containers.fields import PodFacts
from kubelet.volumes.failure import VolumeFailure
from kubelet.volumes.payload import File, common_user, config_map_files, downward_files, secret_files, token_file
from kubelet.volumes.tokens import refresh_at
from tests.support.kubelet import container, pod

MAP = codec.from_tree(
    ConfigMap, {"metadata": {"name": "cm"}, "data": {"a": "1", "b": "2"}, "binaryData": {"c": "AAE="}}
)
SECRET = codec.from_tree(Secret, {"metadata": {"name": "s"}, "data": {"t": "dG9r"}})


def test_all_keys_of_a_config_map() -> None:
    assert config_map_files("cm", MAP, [], None, optional=False) == {
        "a": File(b"1", 0o644),
        "b": File(b"2", 0o644),
        "c": File(b"\x00\x01", 0o644),
    }


def test_chosen_keys_with_modes() -> None:
    items = [KeyToPath(key="a", path="dir/one", mode=0o400), KeyToPath(key="b", path="two")]
    assert config_map_files("cm", MAP, items, 0o600, optional=False) == {
        "dir/one": File(b"1", 0o400),
        "two": File(b"2", 0o600),
    }


def test_a_secret() -> None:
    assert secret_files("s", SECRET, [], 0o400, optional=False) == {"t": File(b"tok", 0o400)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda optional: config_map_files("cm", None, [], None, optional=optional), 'configmap "cm" not found'),
        (lambda optional: secret_files("s", None, [], None, optional=optional), 'secret "s" not found'),
        (
            lambda optional: config_map_files("cm", MAP, [KeyToPath(key="x", path="x")], None, optional=optional),
            "configmap references non-existent config key: x",
        ),
        (
            lambda optional: secret_files("s", SECRET, [KeyToPath(key="x", path="x")], None, optional=optional),
            "references non-existent secret key: x",
        ),
    ],
)
def test_what_is_missing_is_named_unless_it_is_optional(make: Any, message: str) -> None:
    with pytest.raises(VolumeFailure) as refusal:
        make(False)
    assert str(refusal.value) == message
    assert make(True) == {}


def downward(*items: dict[str, Any]) -> list[DownwardAPIVolumeFile]:
    return [codec.from_tree(DownwardAPIVolumeFile, item) for item in items]


def test_downward_files() -> None:
    labels = {"b": 'quo"te', "a": "line\nbreak"}
    owner = pod(container(resources={"limits": {"memory": "64Mi"}}), meta={"labels": labels})
    resource = {"containerName": "main", "resource": "limits.memory", "divisor": "1Mi"}
    items = downward(
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "memory", "resourceFieldRef": resource, "mode": 0o400},
    )
    assert downward_files(owner, items, 0o440, PodFacts()) == {
        "labels": File(b'a="line\\nbreak"\nb="quo\\"te"', 0o440),
        "memory": File(b"64", 0o400),
    }


def test_a_resource_of_an_unknown_container_is_refused() -> None:
    items = downward({"path": "x", "resourceFieldRef": {"containerName": "no", "resource": "limits.cpu"}})
    with pytest.raises(VolumeFailure, match="container no not found"):
        downward_files(pod(), items, None, PodFacts())


@pytest.mark.parametrize(
    ("of_pod", "own", "expected"),
    [({}, {}, None), ({"runAsUser": 5}, {}, 5), ({"runAsUser": 5}, {"runAsUser": 6}, None)],
)
def test_the_common_user(of_pod: dict[str, Any], own: dict[str, Any], expected: int | None) -> None:
    owner = pod(container("a", securityContext=own), container("b"), securityContext=of_pod)
    assert common_user(owner) == expected


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({}, File(b"t", 0o644)),
        ({"fsGroup": 9}, File(b"t", 0o600)),
        ({"runAsUser": 5}, File(b"t", 0o600, 5)),
    ],
)
def test_a_token_is_for_the_pods_user_or_group_alone(context: dict[str, Any], expected: File) -> None:
    assert token_file("t", 0o644, pod(securityContext=context)) == expected


def test_tokens_are_renewed_at_four_fifths_of_their_life_or_after_a_day() -> None:
    assert refresh_at(1000 + 3600, 3600, 1000) == pytest.approx(1000 + 2880)
    assert refresh_at(1000 + 10**7, 10**7, 1000) == 1000 + 24 * 3600
