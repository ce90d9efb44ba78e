"""kube-proxy's flags."""

from __future__ import annotations

import pytest

from kubeproxy.config import DnsConfig, build_parser, from_args
from kubeproxy.endpoints import NodeView

REQUIRED = ["--node-name=n", "--apiserver=h:1", "--ca-file=ca", "--cert-file=c", "--key-file=k"]


def test_the_least_is_rules_without_dns() -> None:
    config = from_args(build_parser().parse_args(REQUIRED))
    assert config.node == NodeView("n")
    assert config.dns is None
    assert [network.service_cidr for network in config.networks] == ["10.96.0.0/16"]


def test_everything_can_be_said() -> None:
    flags = [
        "--node-ip=192.168.0.1",
        "--pod-cidr=10.1.0.7/24",
        "--service-cidr=10.97.0.0/16",
        "--cluster-dns=10.97.0.10:5353",
        "--cluster-domain=Example.",
        "--dns-upstream=9.9.9.9",
        "--dns-upstream=8.8.8.8:54",
    ]
    config = from_args(build_parser().parse_args([*REQUIRED, *flags]))
    assert config.node == NodeView("n", addresses=("192.168.0.1",), pod_cidrs=("10.1.0.0/24",))
    assert config.dns == DnsConfig("10.97.0.10", 5353, "example", (("9.9.9.9", 53), ("8.8.8.8", 54)))
    [network] = config.networks
    assert (network.service_cidr, network.dns_address) == ("10.97.0.0/16", "10.97.0.10")


@pytest.mark.parametrize(
    "flag",
    [
        "--cluster-dns=10.0.0",
        "--cluster-dns=10.0.0.1:0",
        "--cluster-dns=a:53",
        "--pod-cidr=10.0.0.0/33",
        "--node-ip=fd00::1",
    ],
)
def test_what_is_no_address_is_refused_by_name(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args([*REQUIRED, flag])
    error = capsys.readouterr().err.splitlines()[-1]
    assert flag.partition("=")[0] in error
    assert flag.partition("=")[2] in error
