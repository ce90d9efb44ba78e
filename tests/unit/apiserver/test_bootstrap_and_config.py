"""Default roles that are put back into shape, and the flags."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from api.types import ClusterRole, ClusterRoleBinding, ObjectMeta, PolicyRule, RoleRef, Subject
from apiserver import bootstrap, config

GET = PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])
LIST = PolicyRule(api_groups=[""], resources=["pods"], verbs=["list"])


def role(*rules: PolicyRule, autoupdate: str = "true") -> ClusterRole:
    return ClusterRole(metadata=ObjectMeta(name="r", annotations={bootstrap.AUTOUPDATE: autoupdate}), rules=list(rules))


def binding(*names: str, ref: str = "r") -> ClusterRoleBinding:
    return ClusterRoleBinding(
        metadata=ObjectMeta(name="b"),
        role_ref=RoleRef(kind="ClusterRole", name=ref),
        subjects=[Subject(kind="User", name=name) for name in names],
    )


def test_missing_permissions_come_back_and_additions_stay() -> None:
    present = role(LIST)
    mended = bootstrap.reconciled(present, role(GET))
    assert mended.rules == [LIST, GET]
    assert bootstrap.reconciled(mended, role(GET)) is mended


def test_whoever_opts_out_is_left_alone() -> None:
    present = role(LIST, autoupdate="false")
    assert bootstrap.reconciled(present, role(GET)) is present


def test_missing_subjects_come_back() -> None:
    assert [s.name for s in bootstrap.reconciled(binding("a"), binding("b")).subjects] == ["a", "b"]
    other = binding("a", ref="other")
    assert bootstrap.reconciled(other, binding("b")) is other


FLAGS = [
    "--rest-address=10.0.0.1:6443,127.0.0.1:6443",
    "--grpc-address=127.0.0.1:6444",
    "--ca-file=/p/ca.crt",
    "--cert-file=/p/a.crt",
    "--key-file=/p/a.key",
    "--kubelet-client-cert-file=/p/k.crt",
    "--kubelet-client-key-file=/p/k.key",
    "--service-account-key-file=/p/sa.key",
]


def test_flags_become_a_config() -> None:
    parsed = config.parse([*FLAGS, "--etcd-endpoints=https://e1:2379,https://e2:2379", "--etcd-ca-file=/p/e.crt"])
    assert parsed.rest_addresses == (("10.0.0.1", 6443), ("127.0.0.1", 6443))
    assert parsed.etcd.endpoints == ("e1:2379", "e2:2379")
    assert parsed.etcd.ca_file == Path("/p/e.crt")
    assert parsed.advertise_address == "10.0.0.1"
    assert str(parsed.ranges.cidr) == "10.96.0.0/16"
    assert (parsed.ranges.first_port, parsed.ranges.last_port) == (30000, 32767)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--etcd-endpoints=https://e1:2379"], "https needs --etcd-ca-file"),
        (["--etcd-endpoints=https://e1:2379,http://e2:2379"], "all must be https, or none"),
        (["--etcd-endpoints=ftp://e1:2379"], "invalid"),
        (["--etcd-endpoints=e1"], "invalid"),
        (["--etcd-endpoints=unix://relative:1"], "invalid"),
        (["--etcd-endpoints=e1:1", "--service-cidr=10.96.0.0/31"], "--service-cidr"),
        (["--etcd-endpoints=e1:1", "--service-node-port-range=5-1"], "--service-node-port-range"),
        (["--etcd-endpoints=e1:1", "--rest-address=0.0.0.0:1"], "--advertise-address"),
        (["--etcd-endpoints=e1:1", "--rest-address=me:1"], "--advertise-address"),
        (["--etcd-endpoints=e1:1", "--etcd-cert-file=/x"], "belong together"),
    ],
)
def test_nonsense_is_a_usage_error(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        config.parse([*FLAGS, *flags])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_tls_files_are_not_used_towards_a_plain_etcd() -> None:
    parsed = config.parse([*FLAGS, "--etcd-endpoints=http://e1:2379", "--etcd-ca-file=/p/e.crt"])
    assert parsed.etcd.ca_file is None


def test_a_plain_etcd_can_be_reached_through_a_socket() -> None:
    parsed = config.parse([*FLAGS, "--etcd-endpoints=unix:///run/c/etcd:6445"])
    assert parsed.etcd.endpoints == ("unix:/run/c/etcd:6445",)
    assert parsed.etcd.ca_file is None


def test_reconciling_leaves_equal_roles_untouched() -> None:
    present = role(GET)
    same = replace(role(GET))
    assert bootstrap.reconciled(present, same) is present
