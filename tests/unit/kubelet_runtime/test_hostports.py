from kubelet.runtime.base import PortMapping, SandboxSpec
from kubelet.runtime.oci.hostports import ruleset
from kubelet.runtime.oci.records import SandboxRecord


def sandbox(ip: str, *ports: PortMapping) -> SandboxRecord:
    spec = SandboxSpec(pod_uid="u", pod_name="p", pod_namespace="default", port_mappings=list(ports))
    return SandboxRecord(id=ip, spec=spec, created_at=0, ip=ip)


def test_without_host_ports_there_is_no_table() -> None:
    assert ruleset([sandbox("10.0.0.2")]) == ""


def test_a_host_port_leads_to_the_pod() -> None:
    text = ruleset([sandbox("10.0.0.2", PortMapping(host_port=8080, container_port=80))])
    assert "tcp dport 8080 dnat to 10.0.0.2:80" in text


def test_a_host_address_narrows_the_port() -> None:
    mapping = PortMapping(host_port=53, container_port=5353, protocol="UDP", host_ip="192.0.2.1")
    assert "ip daddr 192.0.2.1 udp dport 53 dnat to 10.0.0.2:5353" in ruleset([sandbox("10.0.0.2", mapping)])


def test_the_nodes_loopback_leads_to_the_pod_for_the_node_alone() -> None:
    text = ruleset([sandbox("10.0.0.2", PortMapping(host_port=8080, container_port=80, host_ip="127.0.0.1"))])
    assert "ip daddr 127.0.0.1 tcp dport 8080 dnat to 10.0.0.2:80" in text
    assert 'iifname != "lo" ip daddr 127.0.0.0/8 drop' in text


def test_the_order_of_pods_does_not_matter() -> None:
    one = sandbox("10.0.0.2", PortMapping(host_port=1, container_port=1))
    other = sandbox("10.0.0.3", PortMapping(host_port=2, container_port=2))
    assert ruleset([one, other]) == ruleset([other, one])
