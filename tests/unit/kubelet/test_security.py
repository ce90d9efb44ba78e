"""Security contexts: the container's settings over the pod's, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubelet.containers.security import RootForbidden, check_non_root, forbidden_sysctl, security
from kubelet.runtime.base import ImageStatus
from tests.support.kubelet import UID, container, pod

PROFILES = Path("/profiles")


def made(of_pod: dict[str, Any] | None = None, own: dict[str, Any] | None = None) -> Any:
    owner = pod(container(securityContext=own or {}), securityContext=of_pod or {})
    return security(owner, owner.spec.containers[0], PROFILES)


def test_the_container_goes_before_the_pod() -> None:
    context = made({"runAsUser": 1000, "runAsGroup": 2000}, {"runAsUser": 5})
    assert (context.uid, context.gid) == (5, 2000)


def test_fs_group_is_one_of_the_supplemental_groups() -> None:
    assert made({"supplementalGroups": [7], "fsGroup": 9}).supplemental_groups == [7, 9]


def test_a_privileged_container_has_neither_seccomp_nor_masks() -> None:
    context = made({"seccompProfile": {"type": "RuntimeDefault"}}, {"privileged": True})
    assert (context.privileged, context.seccomp, context.masked_paths) == (True, "Unconfined", False)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (None, "Unconfined"),
        ({"type": "RuntimeDefault"}, "RuntimeDefault"),
        ({"type": "Unconfined"}, "Unconfined"),
        ({"type": "Localhost", "localhostProfile": "a.json"}, "/profiles/a.json"),
    ],
)
def test_seccomp(profile: dict[str, Any] | None, expected: str) -> None:
    assert made({"seccompProfile": profile} if profile else {}).seccomp == expected


def test_privilege_escalation_is_forbidden_only_when_asked() -> None:
    assert made().no_new_privileges is False
    assert made(None, {"allowPrivilegeEscalation": False}).no_new_privileges is True


def test_capabilities_and_read_only_root() -> None:
    context = made(None, {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "readOnlyRootFilesystem": True})
    assert (context.add_capabilities, context.drop_capabilities) == (["NET_ADMIN"], ["ALL"])
    assert context.readonly_root


def image(uid: int | None = None, username: str = "") -> ImageStatus:
    return ImageStatus(id="x", names=[], size_bytes=0, uid=uid, username=username)


@pytest.mark.parametrize(
    ("context", "found", "message"),
    [
        ({"runAsUser": 0}, image(), "container's runAsUser breaks non-root policy"),
        ({}, image(), "container has runAsNonRoot and image will run as root"),
        ({}, image(0), "container has runAsNonRoot and image will run as root"),
        (
            {},
            image(username="nobody"),
            "container has runAsNonRoot and image has non-numeric user (nobody), cannot verify user is non-root",
        ),
    ],
)
def test_root_is_refused(context: dict[str, Any], found: ImageStatus, message: str) -> None:
    owner = pod(container(securityContext={"runAsNonRoot": True, **context}))
    with pytest.raises(RootForbidden) as refusal:
        check_non_root(owner, owner.spec.containers[0], found)
    assert str(refusal.value) == f'{message} (pod: "web_default({UID})", container: main)'


@pytest.mark.parametrize(("context", "found"), [({"runAsUser": 7}, image()), ({}, image(7))])
def test_others_are_let_through(context: dict[str, Any], found: ImageStatus) -> None:
    owner = pod(container(securityContext=context), securityContext={"runAsNonRoot": True})
    check_non_root(owner, owner.spec.containers[0], found)


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("net.ipv4.tcp_syncookies", {}, None),
        ("net/ipv4/tcp_syncookies", {}, None),
        ("net.core.somaxconn", {}, 'forbidden sysctl: "net.core.somaxconn" not allowlisted'),
        ("kernel.msgmax", {}, None),
        (
            "net.ipv4.tcp_syncookies",
            {"hostNetwork": True},
            'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
        ),
    ],
)
def test_sysctls(name: str, spec: dict[str, Any], message: str | None) -> None:
    owner = pod(securityContext={"sysctls": [{"name": name, "value": "1"}]}, **spec)
    assert forbidden_sysctl(owner, ["kernel.msg*"]) == message
