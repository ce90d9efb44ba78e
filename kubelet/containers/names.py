"""Host names, /etc/hosts and /etc/resolv.conf of pods.

Source: upstream's kubelet_pods.go (GeneratePodHostNameAndDomain, managed hosts files) and pkg/kubelet/network/dns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from api.types import Pod, PodDNSConfig
from kubelet.runtime.base import RuntimeFailure

MAX_HOSTNAME = 63
MAX_KERNEL_HOSTNAME = 64
MAX_NAMESERVERS = 3
MAX_SEARCHES = 32
MAX_SEARCH_CHARACTERS = 2048

_HOSTS_HEADER = "# Kubernetes-managed hosts file.\n"
_HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL_NAMES = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


class NameTooLong(RuntimeFailure):
    """The pod wants a name longer than the kernel takes. The text is upstream's."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """The contents of a resolv.conf."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterDns:
    """The cluster's DNS servers and domain, and the node's own resolver."""

    servers: tuple[str, ...]
    domain: str
    host: Resolver = field(default_factory=Resolver)


def hostname(pod: Pod, domain: str) -> str:
    """What `hostname` prints in the pod. Raises NameTooLong for a full name the kernel does not take."""
    if pod.spec.hostname_override:
        return pod.spec.hostname_override
    short = short_hostname(pod)
    if pod.spec.set_hostname_as_fqdn and pod.spec.subdomain:
        full = f"{short}.{pod_domain(pod, domain)}"
        if len(full) > MAX_KERNEL_HOSTNAME:
            raise NameTooLong(
                f"failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long "
                f"({MAX_KERNEL_HOSTNAME} characters is the max, {len(full)} characters requested)"
            )
        return full
    return short


def short_hostname(pod: Pod) -> str:
    """`spec.hostname`, or the pod's name cut to what the kernel takes."""
    return pod.spec.hostname or pod.metadata.name[:MAX_HOSTNAME].rstrip("-.")


def pod_domain(pod: Pod, domain: str) -> str:
    """The pod's DNS domain; empty without a subdomain."""
    if not pod.spec.subdomain or pod.spec.hostname_override:
        return ""
    return f"{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{domain}"


def hosts_file(pod: Pod, pod_ips: Sequence[str], domain: str, node_hosts: str) -> str:
    """The text of the pod's /etc/hosts. `node_hosts` is the node's own file, for pods on its network."""
    if pod.spec.host_network:
        return _HOST_NETWORK_HEADER + node_hosts + _aliases(pod)
    names = [pod.spec.hostname_override or short_hostname(pod)]
    fqdn_domain = pod_domain(pod, domain)
    if fqdn_domain:
        names.insert(0, f"{names[0]}.{fqdn_domain}")
    lines = "".join("\t".join([ip, *names]) + "\n" for ip in pod_ips)
    return _HOSTS_HEADER + _LOCAL_NAMES + lines + _aliases(pod)


def _aliases(pod: Pod) -> str:
    if not pod.spec.host_aliases:
        return ""
    lines = "".join("\t".join([alias.ip, *alias.hostnames]) + "\n" for alias in pod.spec.host_aliases)
    return "\n# Entries added by HostAliases.\n" + lines


def parse_resolver(text: str) -> Resolver:
    """Read a resolv.conf; the last `search` counts, as in the C library."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith(("#", ";")):
            continue
        if words[0] == "nameserver":
            servers.append(words[1])
        elif words[0] == "search":
            searches = [word for word in words[1:] if word != "."]
        elif words[0] == "options":
            options = words[1:]
    return Resolver(tuple(servers), tuple(searches), tuple(options))


def resolver(pod: Pod, cluster: ClusterDns) -> Resolver:
    """The pod's resolver by `dnsPolicy` and `dnsConfig`."""
    policy = pod.spec.dns_policy or "ClusterFirst"
    uses_cluster = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not pod.spec.host_network)
    if policy == "None":
        base = Resolver()
    elif uses_cluster and cluster.servers:
        services = f"svc.{cluster.domain}"
        own = (f"{pod.metadata.namespace}.{services}", services, cluster.domain)
        base = Resolver(cluster.servers, own + cluster.host.searches, ("ndots:5",))
    else:
        base = cluster.host
    return _limited(_with_config(base, pod.spec.dns_config))


def _with_config(base: Resolver, config: PodDNSConfig | None) -> Resolver:
    if config is None:
        return base
    options = {option.partition(":")[0]: option for option in base.options}
    for option in config.options:
        options[option.name] = f"{option.name}:{option.value}" if option.value else option.name
    return Resolver(
        _unique((*base.servers, *config.nameservers)),
        _unique((*base.searches, *config.searches)),
        tuple(options.values()),
    )


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _limited(resolver: Resolver) -> Resolver:
    searches: list[str] = []
    length = -1
    for search in _unique(resolver.searches)[:MAX_SEARCHES]:
        length += 1 + len(search)
        if length > MAX_SEARCH_CHARACTERS:
            break
        searches.append(search)
    return Resolver(resolver.servers[:MAX_NAMESERVERS], tuple(searches), resolver.options)


def resolver_file(resolver: Resolver) -> str:
    """The text of a resolv.conf."""
    lines = [f"search {' '.join(resolver.searches)}"] if resolver.searches else []
    lines += [f"nameserver {server}" for server in resolver.servers]
    if resolver.options:
        lines.append(f"options {' '.join(resolver.options)}")
    return "".join(line + "\n" for line in lines)
