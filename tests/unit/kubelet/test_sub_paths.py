"""`subPathExpr`: what the environment makes of it, and what is refused in upstream's words."""

from __future__ import annotations

import pytest

from api.types import VolumeMount
from kubelet.containers.expansion import valueless
from kubelet.containers.mounts import MountProblem, sub_path


def mounted(expression: str) -> VolumeMount:
    return VolumeMount(name="v", mount_path="/x", sub_path_expr=expression)


def test_what_is_there_is_filled_in() -> None:
    assert sub_path(mounted("logs/$(POD)/$$(POD)"), {"POD": "p"}) == "logs/p/$(POD)"
    assert sub_path(VolumeMount(name="v", mount_path="/x", sub_path="$(POD)"), {}) == "$(POD)"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$(B)/$(EMPTY)/$(A)", "missing value for B, EMPTY"),
        ("$(A)", "error SubPath `/tmp` must not be an absolute path"),
        ("x/$(UP)", "unable to provision SubPath `x/..`: must not contain '..'"),
    ],
)
def test_what_is_not_or_leads_away_is_refused(expression: str, message: str) -> None:
    with pytest.raises(MountProblem) as caught:
        sub_path(mounted(expression), {"A": "/tmp", "EMPTY": "", "UP": ".."})
    assert str(caught.value) == message


def test_an_escaped_reference_is_none() -> None:
    assert valueless("$$(A) $(B)", {}) == ["B"]
