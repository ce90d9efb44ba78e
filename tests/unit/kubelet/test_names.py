"""Host names, hosts files and resolvers of pods."""

from __future__ import annotations

from typing import Any

import pytest

from kubelet.containers.names import (
    ClusterDns,
    Resolver,
    hostname,
    hosts_file,
    parse_resolver,
    resolver,
    resolver_file,
)
from tests.support.kubelet import pod

HOST = Resolver(("192.0.2.1",), ("corp.example",), ("timeout:1",))
CLUSTER = ClusterDns(("10.96.0.10",), "cluster.local", HOST)
SEARCH = ("default.svc.cluster.local", "svc.cluster.local", "cluster.local")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Resolver(("10.96.0.10",), (*SEARCH, "corp.example"), ("ndots:5",))),
        ({"dnsPolicy": "Default"}, HOST),
        ({"hostNetwork": True}, HOST),
        (
            {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
            Resolver(("10.96.0.10",), (*SEARCH, "corp.example"), ("ndots:5",)),
        ),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}}, Resolver(("1.1.1.1",))),
    ],
)
def test_resolver_by_policy(spec: dict[str, Any], expected: Resolver) -> None:
    assert resolver(pod(**spec), CLUSTER) == expected


def test_dns_config_adds_and_overrides() -> None:
    config = {
        "nameservers": ["10.96.0.10", "1.1.1.1", "2.2.2.2", "3.3.3.3"],
        "searches": ["cluster.local", "extra.example"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    made = resolver(pod(dnsConfig=config), CLUSTER)
    assert made.servers == ("10.96.0.10", "1.1.1.1", "2.2.2.2"), "no more than the C library reads"
    assert made.searches == (*SEARCH, "corp.example", "extra.example")
    assert made.options == ("ndots:2", "edns0")


def test_without_cluster_servers_the_hosts_resolver_serves() -> None:
    assert resolver(pod(), ClusterDns((), "cluster.local", HOST)) == HOST


def test_resolver_files_are_read_back_as_written() -> None:
    text = resolver_file(Resolver(("10.96.0.10",), ("a.example", "b.example"), ("ndots:5",)))
    assert text == "search a.example b.example\nnameserver 10.96.0.10\noptions ndots:5\n"
    assert parse_resolver("# comment\nsearch old.example\n" + text) == Resolver(
        ("10.96.0.10",), ("a.example", "b.example"), ("ndots:5",)
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "web"),
        ({"hostname": "own"}, "own"),
        ({"meta": {"name": "x" * 62 + "-y"}}, "x" * 62),
        ({"hostname": "own", "subdomain": "sub"}, "own"),
        ({"hostname": "own", "subdomain": "sub", "setHostnameAsFQDN": True}, "own.sub.default.svc.cluster.local"),
    ],
)
def test_hostname(spec: dict[str, Any], expected: str) -> None:
    meta = {"namespace": "default", **spec.pop("meta", {})}
    assert hostname(pod(meta={"name": "web", **meta}, **spec), "cluster.local") == expected


def test_hosts_file_of_a_pod_with_subdomain_and_aliases() -> None:
    owner = pod(hostname="own", subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "b"]}])
    text = hosts_file(owner, ["10.0.0.5"], "cluster.local", "never read")
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert text.endswith(
        "10.0.0.5\town.sub.default.svc.cluster.local\town\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"
    )


def test_hosts_file_on_the_host_network_is_the_nodes() -> None:
    text = hosts_file(pod(hostNetwork=True), ["10.0.0.5"], "cluster.local", "127.0.0.1 localhost\n")
    assert text == "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"
