"""Nothing a pod says of its host ports is ever more to nft than an address and a number."""

from __future__ import annotations

import pytest

from kubelet.runtime.base import InvalidConfig, PortMapping, SandboxSpec
from kubelet.runtime.oci.hostports import check_host_ips, ruleset
from kubelet.runtime.oci.records import SandboxRecord

INJECTED = (
    "1.2.3.4 accept; ip daddr 5.6.7.8",
    "1.2.3.4\n}\n}\ndelete table ip podling",
    "example.com",
    "10.0.0.0/8",
    "1.2.3.4 ",
)


def sandbox(host_ip: str) -> SandboxRecord:
    mapping = PortMapping(host_port=80, container_port=80, host_ip=host_ip)
    spec = SandboxSpec(pod_uid="u", pod_name="p", pod_namespace="default", port_mappings=[mapping])
    return SandboxRecord(id="s", spec=spec, created_at=0, ip="10.0.0.2")


@pytest.mark.parametrize("host_ip", INJECTED)
def test_a_host_ip_that_is_no_address_is_refused_and_never_reaches_a_rule(host_ip: str) -> None:
    with pytest.raises(InvalidConfig, match="hostIP"):
        check_host_ips(sandbox(host_ip).spec)
    assert ruleset([sandbox(host_ip)]) == ""


@pytest.mark.parametrize("host_ip", ["::", "2001:db8::1"])
def test_an_ipv6_host_ip_is_fine_but_needs_no_rule_on_an_ipv4_node(host_ip: str) -> None:
    check_host_ips(sandbox(host_ip).spec)
    assert ruleset([sandbox(host_ip)]) == ""


@pytest.mark.parametrize("host_ip", ["", "0.0.0.0", "192.0.2.1"])
def test_addresses_still_lead_to_the_pod(host_ip: str) -> None:
    check_host_ips(sandbox(host_ip).spec)
    assert "dnat to 10.0.0.2:80" in ruleset([sandbox(host_ip)])
