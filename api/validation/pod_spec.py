"""The pod spec, in pods and in templates."""

from __future__ import annotations

from collections.abc import Sequence

from api import names
from api.errors import FieldError
from api.types import HostAlias, PodDNSConfig, PodResourceClaim, PodSpec
from api.validation import containers, pod_level_resources, resources, scheduling, security, volumes
from api.validation.checks import Errors, in_range, ip_address, known, one_of, well_formed
from api.validation.containers import Surroundings
from api.validation.metadata import labels

MAX_INT32 = 2**31 - 1
_MAX_NAME_SERVERS = 3
_MAX_SEARCH_PATHS = 32
_MAX_SEARCH_CHARACTERS = 2048
_LONGEST_HOSTNAME = 64
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")


def check(spec: PodSpec, path: str, *, in_pod: bool, pod_name: str = "") -> Errors:
    """`in_pod` tells a pod's spec from a template's; `pod_name` is needed to name ephemeral volumes' claims."""
    if spec.termination_grace_period_seconds is None:
        yield FieldError.required(f"{path}.terminationGracePeriodSeconds")
    valid_volumes, errors = volumes.check(spec.volumes, pod_name, f"{path}.volumes")
    yield from errors
    yield from _resource_claims(spec.resource_claims, f"{path}.resourceClaims")
    surroundings = Surroundings(
        volumes=valid_volumes,
        claim_names={claim.name for claim in spec.resource_claims},
        grace_period=spec.termination_grace_period_seconds,
        restart_policy=spec.restart_policy,
        host_users=spec.host_users is not False,
        in_pod=in_pod,
    )
    yield from pod_level_resources.check(spec, surroundings.claim_names, f"{path}.resources")
    yield from containers.check(spec, surroundings, path)
    yield from _host_network_ports(spec, in_pod, f"{path}.containers")
    yield from one_of(spec.restart_policy, f"{path}.restartPolicy", ("Always", "OnFailure", "Never"))
    yield from one_of(spec.dns_policy, f"{path}.dnsPolicy", _DNS_POLICIES)
    yield from labels(spec.node_selector, f"{path}.nodeSelector")
    if spec.security_context is not None:
        yield from security.pod_context(spec.security_context, spec, f"{path}.securityContext")
    yield from _placement(spec, path)
    yield from _identity(spec, path)
    yield from _limits(spec, path)


def _placement(spec: PodSpec, path: str) -> Errors:
    """What decides where the pod runs and how it finds others."""
    yield from scheduling.affinity(spec.affinity, f"{path}.affinity")
    yield from _dns_config(spec.dns_config, spec.dns_policy, f"{path}.dnsConfig")
    for index, gate in enumerate(spec.readiness_gates):
        where = f"{path}.readinessGates[{index}].conditionType"
        yield from well_formed(gate.condition_type, where, names.qualified_name)
    yield from scheduling.gates(spec.scheduling_gates, f"{path}.schedulingGates")
    yield from scheduling.topology_spread(spec.topology_spread_constraints, f"{path}.topologySpreadConstraints")
    yield from _own_user_namespace(spec, path)


def _identity(spec: PodSpec, path: str) -> Errors:
    """Names the pod is given."""
    if spec.service_account_name:
        yield from well_formed(spec.service_account_name, f"{path}.serviceAccountName", names.dns1123_subdomain)
    if spec.node_name:
        yield from well_formed(spec.node_name, f"{path}.nodeName", names.dns1123_subdomain)
    yield from in_range(spec.active_deadline_seconds, f"{path}.activeDeadlineSeconds", 1, MAX_INT32)
    if spec.hostname:
        yield from well_formed(spec.hostname, f"{path}.hostname", names.dns1123_label)
    yield from _hostname_override(spec, f"{path}.hostnameOverride")
    if spec.subdomain:
        yield from well_formed(spec.subdomain, f"{path}.subdomain", names.dns1123_label)


def _hostname_override(spec: PodSpec, path: str) -> Errors:
    """The one host name whatever the others say: it cannot stand beside what would make another."""
    name = spec.hostname_override
    if name is None:
        return
    if spec.host_network:
        yield FieldError.forbidden(path, "may not be specified when hostNetwork is true")
    if spec.set_hostname_as_fqdn:
        yield FieldError.forbidden(path, "may not be specified when setHostnameAsFQDN is true")
    if len(name) > _LONGEST_HOSTNAME:
        yield FieldError.too_long(path, _LONGEST_HOSTNAME)
    yield from well_formed(name, path, names.dns1123_subdomain)


def _limits(spec: PodSpec, path: str) -> Errors:
    yield from scheduling.tolerations(spec.tolerations, f"{path}.tolerations")
    yield from _host_aliases(spec.host_aliases, f"{path}.hostAliases")
    if spec.priority_class_name:
        yield from well_formed(spec.priority_class_name, f"{path}.priorityClassName", names.dns1123_subdomain)
    if spec.runtime_class_name is not None:
        yield from well_formed(spec.runtime_class_name, f"{path}.runtimeClassName", names.dns1123_subdomain)
    if spec.preemption_policy is not None:
        yield from one_of(spec.preemption_policy, f"{path}.preemptionPolicy", ("PreemptLowerPriority", "Never"))
    if spec.overhead:
        yield from resources.overhead(spec.overhead, f"{path}.overhead")
    if spec.os is not None:
        if not spec.os.name:
            yield FieldError.required(f"{path}.os.name", "cannot be empty")
        else:
            yield from known(spec.os.name, f"{path}.os", ("linux", "windows"))


def _resource_claims(claims: Sequence[PodResourceClaim], path: str) -> Errors:
    used: set[str] = set()
    for index, claim in enumerate(claims):
        where = f"{path}[{index}]"
        if not claim.name:
            yield FieldError.required(f"{where}.name")
        elif claim.name in used:
            yield FieldError.duplicate(f"{where}.name", claim.name)
        else:
            yield from well_formed(claim.name, f"{where}.name", names.dns1123_label)
            used.add(claim.name)
        given = (claim.resource_claim_name is not None) + (claim.resource_claim_template_name is not None)
        if given == 2:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield FieldError.invalid(where, claim, detail)
        if not given:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            yield FieldError.invalid(where, claim, detail)


def _host_network_ports(spec: PodSpec, in_pod: bool, path: str) -> Errors:
    """In the host's network a container's port is the host's; templates may leave that to the pod's defaults."""
    if not spec.host_network:
        return
    for index, container in enumerate(spec.containers):
        for number, port in enumerate(container.ports):
            if (in_pod or port.host_port) and port.host_port != port.container_port:
                detail = "must match `containerPort` when `hostNetwork` is true"
                yield FieldError.invalid(f"{path}[{index}].ports[{number}].hostPort", port.host_port, detail)


def _own_user_namespace(spec: PodSpec, path: str) -> Errors:
    """A pod with users of its own cannot share the host's other namespaces."""
    if spec.host_users is not False:
        return
    shared = (("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc))
    for json_name, value in shared:
        if value:
            yield FieldError.forbidden(f"{path}.{json_name}", "when `pod.Spec.HostUsers` is false")


def _host_aliases(aliases: Sequence[HostAlias], path: str) -> Errors:
    for index, alias in enumerate(aliases):
        yield from ip_address(alias.ip, f"{path}[{index}].ip")
        for number, hostname in enumerate(alias.hostnames):
            yield from well_formed(hostname, f"{path}[{index}].hostnames[{number}]", names.dns1123_subdomain)


def _dns_config(config: PodDNSConfig | None, policy: str, path: str) -> Errors:
    if policy == "None" and config is None:
        yield FieldError.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
        return
    if config is None:
        return
    if policy == "None" and not config.nameservers:
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield FieldError.required(f"{path}.nameservers", detail)
        return
    if len(config.nameservers) > _MAX_NAME_SERVERS:
        detail = f"must not have more than {_MAX_NAME_SERVERS} nameservers"
        yield FieldError.invalid(f"{path}.nameservers", config.nameservers, detail)
    for index, server in enumerate(config.nameservers):
        yield from ip_address(server, f"{path}.nameservers[{index}]")
    yield from _dns_searches(config.searches, f"{path}.searches")
    for index, option in enumerate(config.options):
        if not option.name:
            yield FieldError.required(f"{path}.options[{index}]", "must not be empty")


def _dns_searches(searches: Sequence[str], path: str) -> Errors:
    if len(searches) > _MAX_SEARCH_PATHS:
        detail = f"must not have more than {_MAX_SEARCH_PATHS} search paths"
        yield FieldError.invalid(path, list(searches), detail)
    if len(" ".join(searches)) > _MAX_SEARCH_CHARACTERS:
        detail = f"must not have more than {_MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        yield FieldError.invalid(path, list(searches), detail)
    for index, search in enumerate(searches):
        if search != ".":
            domain = search.removesuffix(".")
            yield from well_formed(domain, f"{path}[{index}]", names.dns1123_subdomain_with_underscores)
