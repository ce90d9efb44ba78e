"""Who a container runs as and what it may do (upstream: pkg/securitycontext, kuberuntime/security_context.go)."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from api.types import (
    Container,
    EphemeralContainer,
    Pod,
    PodSecurityContext,
    SeccompProfile,
    SecurityContext,
)
from kubelet.runtime import base
from kubelet.runtime.base import ImageStatus

SAFE_SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    )
)


class RootForbidden(Exception):
    """The container must not run as root, and would or might. The text is upstream's."""


def security(pod: Pod, container: Container | EphemeralContainer, seccomp_dir: Path) -> base.SecurityContext:
    """The runtime's security context: the container's settings over the pod's."""
    of_pod = pod.spec.security_context or PodSecurityContext()
    own = container.security_context or SecurityContext()
    privileged = bool(own.privileged)
    groups = list(of_pod.supplemental_groups)
    if of_pod.fs_group is not None:
        groups.append(of_pod.fs_group)
    return base.SecurityContext(
        uid=_first(own.run_as_user, of_pod.run_as_user),
        gid=_first(own.run_as_group, of_pod.run_as_group),
        supplemental_groups=groups,
        add_capabilities=list(own.capabilities.add) if own.capabilities else [],
        drop_capabilities=list(own.capabilities.drop) if own.capabilities else [],
        privileged=privileged,
        readonly_root=bool(own.read_only_root_filesystem),
        no_new_privileges=own.allow_privilege_escalation is False,
        seccomp="Unconfined" if privileged else _seccomp(own.seccomp_profile or of_pod.seccomp_profile, seccomp_dir),
        strict_groups=of_pod.supplemental_groups_policy == "Strict",
        masked_paths=own.proc_mount != "Unmasked" and not privileged,
    )


def _first(own: int | None, of_pod: int | None) -> int | None:
    return of_pod if own is None else own


def _seccomp(profile: SeccompProfile | None, directory: Path) -> str:
    if profile is None or profile.type == "Unconfined":
        return "Unconfined"
    if profile.type == "RuntimeDefault":
        return "RuntimeDefault"
    return str(directory / (profile.localhost_profile or ""))


def check_non_root(pod: Pod, container: Container | EphemeralContainer, image: ImageStatus) -> None:
    """Raises RootForbidden when `runAsNonRoot` is set and the user is, or may be, root."""
    of_pod = pod.spec.security_context or PodSecurityContext()
    own = container.security_context or SecurityContext()
    required = own.run_as_non_root if own.run_as_non_root is not None else of_pod.run_as_non_root
    if not required:
        return
    where = f'(pod: "{pod_text(pod)}", container: {container.name})'
    uid = _first(own.run_as_user, of_pod.run_as_user)
    if uid is not None:
        if uid == 0:
            raise RootForbidden(f"container's runAsUser breaks non-root policy {where}")
        return
    if image.uid is None and image.username:
        raise RootForbidden(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), "
            f"cannot verify user is non-root {where}"
        )
    if not image.uid:
        raise RootForbidden(f"container has runAsNonRoot and image will run as root {where}")


def pod_text(pod: Pod) -> str:
    """`name_namespace(uid)`: how upstream's messages name a pod."""
    return f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"


def sysctls(pod: Pod) -> dict[str, str]:
    """The pod's kernel parameters by dotted name."""
    context = pod.spec.security_context
    return {} if context is None else {entry.name.replace("/", "."): entry.value for entry in context.sysctls}


def forbidden_sysctl(pod: Pod, allowed_unsafe: Sequence[str]) -> str | None:
    """Why the node refuses the pod's sysctls, or None (upstream: pkg/kubelet/sysctl allowlist)."""
    for name in sysctls(pod):
        if name not in SAFE_SYSCTLS and not any(fnmatchcase(name, pattern) for pattern in allowed_unsafe):
            return f'forbidden sysctl: "{name}" not allowlisted'
        if name.startswith("net.") and pod.spec.host_network:
            return f'forbidden sysctl: "{name}" not allowed with host net enabled'
        if name.startswith(("kernel.", "fs.mqueue.")) and pod.spec.host_ipc:
            return f'forbidden sysctl: "{name}" not allowed with host ipc enabled'
    return None


def unenforceable_app_armor(pod: Pod) -> str | None:
    """Why the node refuses the pod's AppArmor profiles, or None: nodes here have no AppArmor (upstream's words)."""
    contexts = [container.security_context for container in (*pod.spec.init_containers, *pod.spec.containers)]
    profiles = [context.app_armor_profile for context in (pod.spec.security_context, *contexts) if context is not None]
    if all(profile is None or profile.type == "Unconfined" for profile in profiles):
        return None
    return "Cannot enforce AppArmor: AppArmor is not enabled on the host"
