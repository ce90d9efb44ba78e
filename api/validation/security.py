"""Security contexts of pods and containers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from api.errors import FieldError
from api.types import (
    AppArmorProfile,
    PodSecurityContext,
    PodSpec,
    SeccompProfile,
    SecurityContext,
    Sysctl,
)
from api.validation.checks import Errors, descending_path, identity, internal_form, known

_PROFILE_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = rf"({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}"
_SYSCTL_RE = re.compile(_SYSCTL)
_SYSCTL_LENGTH = 253
_LONGEST_PROFILE = 4095


def pod_context(context: PodSecurityContext, spec: PodSpec, path: str) -> Errors:
    yield from identity(context.fs_group, f"{path}.fsGroup")
    yield from identity(context.run_as_user, f"{path}.runAsUser")
    yield from identity(context.run_as_group, f"{path}.runAsGroup")
    for index, group in enumerate(context.supplemental_groups):
        yield from identity(group, f"{path}.supplementalGroups[{index}]")
    if spec.share_process_namespace and spec.host_pid:
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield FieldError.invalid(f"{path}.shareProcessNamespace", True, detail)
    yield from _sysctls(context.sysctls, spec, f"{path}.sysctls")
    yield from known(context.fs_group_change_policy, f"{path}.fsGroupChangePolicy", ("Always", "OnRootMismatch"))
    yield from _seccomp(context.seccomp_profile, f"{path}.seccompProfile")
    yield from _app_armor(context.app_armor_profile, f"{path}.appArmorProfile")
    yield from known(context.supplemental_groups_policy, f"{path}.supplementalGroupsPolicy", ("Merge", "Strict"))
    yield from known(context.se_linux_change_policy, f"{path}.seLinuxChangePolicy", ("MountOption", "Recursive"))


def container_context(context: SecurityContext, host_users: bool, path: str) -> Errors:
    """`host_users` says whether the pod runs in the host's user namespace."""
    yield from identity(context.run_as_user, f"{path}.runAsUser")
    yield from identity(context.run_as_group, f"{path}.runAsGroup")
    yield from known(context.proc_mount, f"{path}.procMount", ("Default", "Unmasked"))
    if host_users and context.proc_mount == "Unmasked":
        detail = "`hostUsers` must be false to use `Unmasked`"
        yield FieldError.invalid(f"{path}.procMount", context.proc_mount, detail)
    yield from _seccomp(context.seccomp_profile, f"{path}.seccompProfile")
    if context.allow_privilege_escalation is False:
        yield from _no_escalation(context, path)
    yield from _app_armor(context.app_armor_profile, f"{path}.appArmorProfile")


def _no_escalation(context: SecurityContext, path: str) -> Errors:
    """A container that may not gain privileges may not start with all of them."""
    if context.privileged:
        detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield FieldError.invalid(path, internal_form(context), detail)
    if context.capabilities is not None and "CAP_SYS_ADMIN" in context.capabilities.add:
        detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        yield FieldError.invalid(path, internal_form(context), detail)


def _seccomp(profile: SeccompProfile | None, path: str) -> Errors:
    if profile is None:
        return
    if not profile.type:
        yield FieldError.required(f"{path}.type", "type is required when seccompProfile is set")
    else:
        yield from known(profile.type, f"{path}.type", _PROFILE_TYPES)
    localhost = profile.localhost_profile
    if profile.type == "Localhost":
        if localhost is None:
            detail = "must be set when seccomp type is Localhost"
            yield FieldError.required(f"{path}.localhostProfile", detail)
        else:
            yield from descending_path(localhost, f"{path}.localhostProfile")
    elif localhost is not None:
        detail = "can only be set when seccomp type is Localhost"
        yield FieldError.invalid(f"{path}.localhostProfile", internal_form(profile), detail)


def _app_armor(profile: AppArmorProfile | None, path: str) -> Errors:
    if profile is None:
        return
    if not profile.type:
        yield FieldError.required(f"{path}.type", "type is required when appArmorProfile is set")
    elif profile.type == "Localhost":
        yield from _localhost_app_armor(profile.localhost_profile, f"{path}.localhostProfile")
    elif profile.type not in _PROFILE_TYPES:
        yield FieldError.not_supported(f"{path}.type", profile.type, _PROFILE_TYPES)
    elif profile.localhost_profile is not None:
        detail = "can only be set when AppArmor type is Localhost"
        yield FieldError.invalid(f"{path}.localhostProfile", profile.localhost_profile, detail)


def _localhost_app_armor(name: str | None, path: str) -> Errors:
    if not name:
        yield FieldError.required(path, "must be set when AppArmor type is Localhost")
        return
    if name.strip() != name:
        yield FieldError.invalid(path, name, "must not be padded with whitespace")
    if len(name) > _LONGEST_PROFILE:
        yield FieldError.too_long(path, _LONGEST_PROFILE)


def _sysctls(sysctls: Sequence[Sysctl], spec: PodSpec, path: str) -> Errors:
    seen: set[str] = set()
    for index, sysctl in enumerate(sysctls):
        where = f"{path}[{index}].name"
        if not sysctl.name:
            yield FieldError.required(where)
        elif len(sysctl.name) > _SYSCTL_LENGTH or not _SYSCTL_RE.fullmatch(sysctl.name):
            detail = f"must have at most {_SYSCTL_LENGTH} characters and match regex ^{_SYSCTL}$"
            yield FieldError.invalid(where, sysctl.name, detail)
        elif sysctl.name in seen:
            yield FieldError.duplicate(where, sysctl.name)
        seen.add(sysctl.name)
        yield from _host_sysctl(sysctl.name.replace("/", "."), spec, where)


def _host_sysctl(name: str, spec: PodSpec, path: str) -> Errors:
    """A pod in the host's namespaces may not change the host's settings."""
    if spec.host_network and name.startswith("net."):
        yield FieldError.invalid(path, name, "may not be specified when 'hostNetwork' is true")
    is_ipc = name.startswith(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."))
    if spec.host_ipc and is_ipc:
        yield FieldError.invalid(path, name, "may not be specified when 'hostIPC' is true")
