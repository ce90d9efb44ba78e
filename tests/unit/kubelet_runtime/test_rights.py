"""Capabilities and seccomp: what a container may do."""

import pytest

from cluster.seccomp import default_profile
from kubelet.runtime.base import InvalidConfig
from kubelet.runtime.oci import capabilities


def test_the_default_set_is_dockers() -> None:
    granted = capabilities.granted([], [], privileged=False)
    assert len(granted) == 14
    assert "CAP_CHOWN" in granted and "CAP_NET_RAW" in granted
    assert "CAP_SYS_ADMIN" not in granted and "CAP_NET_ADMIN" not in granted


def test_single_names_win_over_all() -> None:
    assert capabilities.granted(["NET_BIND_SERVICE"], ["ALL"], privileged=False) == ["CAP_NET_BIND_SERVICE"]
    everything_but = capabilities.granted(["ALL"], ["SYS_ADMIN"], privileged=False)
    assert len(everything_but) == len(capabilities.ALL) - 1
    assert "CAP_SYS_ADMIN" not in everything_but


def test_names_are_read_with_and_without_prefix_and_in_any_case() -> None:
    assert "CAP_NET_ADMIN" in capabilities.granted(["cap_net_admin"], [], privileged=False)
    assert "CAP_NET_ADMIN" in capabilities.granted(["NET_ADMIN"], [], privileged=False)


def test_privileged_has_everything_whatever_it_drops() -> None:
    assert len(capabilities.granted([], ["ALL"], privileged=True)) == len(capabilities.ALL)


def test_nothing_is_given_that_the_machine_does_not_have() -> None:
    have = capabilities.available("Name:\tx\nCapBnd:\t0000000000000009\n")
    assert have == {"CHOWN", "FOWNER"}
    assert capabilities.granted([], [], True, have) == ["CAP_CHOWN", "CAP_FOWNER"]
    assert capabilities.granted(["ALL"], ["FOWNER"], False, have) == ["CAP_CHOWN"]


def test_an_unknown_capability_is_refused() -> None:
    with pytest.raises(InvalidConfig, match='unknown capability "CAP_FLY"'):
        capabilities.granted(["FLY"], [], privileged=False)


def _names(profile: dict[str, object], action: str) -> set[str]:
    rules = profile["syscalls"]
    assert isinstance(rules, list)
    return {name for rule in rules if rule["action"] == action for name in rule["names"]}


def test_the_default_profile_refuses_what_it_does_not_name() -> None:
    profile = default_profile(("CAP_CHOWN",), "x86_64")
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO" and profile["defaultErrnoRet"] == 1
    allowed = _names(profile, "SCMP_ACT_ALLOW")
    assert {"read", "openat", "clone", "execve", "arch_prctl"} <= allowed
    assert not {"mount", "bpf", "kexec_load", "init_module", "reboot", "setns", "unshare", "io_uring_setup"} & allowed
    assert _names(profile, "SCMP_ACT_ERRNO") == {"clone3"}


def test_capabilities_bring_their_calls() -> None:
    allowed = _names(default_profile(("CAP_SYS_ADMIN", "CAP_SYS_TIME"), "x86_64"), "SCMP_ACT_ALLOW")
    assert {"mount", "setns", "clone3", "clock_settime"} <= allowed
    assert "reboot" not in allowed


def test_other_machines_get_their_own_calls() -> None:
    profile = default_profile((), "aarch64")
    assert "SCMP_ARCH_AARCH64" in profile["architectures"]
    allowed = _names(profile, "SCMP_ACT_ALLOW")
    assert "arch_prctl" not in allowed and "cacheflush" in allowed
