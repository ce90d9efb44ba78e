"""DIR/kubeconfig is written anew by every `up`: what its owner added stays."""

from __future__ import annotations

from typing import Any

import pytest

from podling.launcher.kubeconfig import merged

NAME = "podling-1"
OURS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": NAME, "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "admin", "user": {"client-key-data": "new"}}],
    "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": "admin"}}],
    "current-context": NAME,
    "preferences": {},
}


def test_others_stay_and_ours_are_as_they_are_to_be() -> None:
    ann = {"name": "ann", "user": {"token": "t"}}
    hers = {"name": "ann@here", "context": {"cluster": NAME, "user": "ann"}}
    kept = {"name": NAME, "context": {"cluster": "old", "user": "admin", "namespace": "shop"}}
    old = {"name": "admin", "user": {"client-key-data": "old"}}
    found = {"users": [ann, old], "contexts": [hers, kept], "current-context": "ann@here", "clusters": None}
    made = merged(OURS, found)
    assert made["users"] == [*OURS["users"], ann]
    assert made["clusters"] == OURS["clusters"]
    mine = {"name": NAME, "context": {"cluster": NAME, "user": "admin", "namespace": "shop"}}
    assert made["contexts"] == [mine, hers]
    assert made["current-context"] == "ann@here"
    assert merged(OURS, made) == made


@pytest.mark.parametrize("found", [{}, {"contexts": "x", "users": [1]}, {"current-context": "gone", "contexts": [{}]}])
def test_what_makes_no_sense_is_left_out(found: dict[str, Any]) -> None:
    assert merged(OURS, found) == OURS
