"""Security contexts of pods and containers (core/v1)."""

from __future__ import annotations

from typing import Annotated

from api.types.record import Field, Record, always
from api.types.scalars import Int64

PACKAGE = "core/v1"


class AppArmorProfile(Record, frozen=True, kw_only=True):
    """The AppArmor profile processes run under."""

    localhost_profile: str | None = None
    type: Annotated[str, Field(required=True, enum=("Unconfined", "RuntimeDefault", "Localhost"))] = always("")


class Capabilities(Record, frozen=True, kw_only=True):
    """POSIX capabilities to add and to drop."""

    add: Annotated[list[str], Field(list_type="atomic")] = []
    drop: Annotated[list[str], Field(list_type="atomic")] = []


class SELinuxOptions(Record, frozen=True, kw_only=True):
    """The SELinux label processes run under."""

    level: str = ""
    role: str = ""
    type: str = ""
    user: str = ""


class SeccompProfile(Record, frozen=True, kw_only=True):
    """The seccomp profile that filters system calls."""

    localhost_profile: str | None = None
    type: Annotated[str, Field(required=True, enum=("Unconfined", "RuntimeDefault", "Localhost"))] = always("")


class Sysctl(Record, frozen=True, kw_only=True):
    """A kernel setting of the pod's namespaces."""

    name: Annotated[str, Field(required=True)] = always("")
    value: Annotated[str, Field(required=True)] = always("")


class WindowsSecurityContextOptions(Record, frozen=True, kw_only=True):
    """Security settings of Windows containers."""

    gmsa_credential_spec: str | None = None
    gmsa_credential_spec_name: str | None = None
    host_process: bool | None = None
    run_as_user_name: str | None = None


class PodSecurityContext(Record, frozen=True, kw_only=True):
    """Security settings of a pod, used where a container has none of its own."""

    app_armor_profile: AppArmorProfile | None = None
    fs_group: Int64 | None = None
    fs_group_change_policy: Annotated[str | None, Field(enum=("OnRootMismatch", "Always"))] = None
    run_as_group: Int64 | None = None
    run_as_non_root: bool | None = None
    run_as_user: Int64 | None = None
    se_linux_change_policy: str | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    supplemental_groups: Annotated[list[Int64], Field(list_type="atomic")] = []
    supplemental_groups_policy: Annotated[str | None, Field(enum=("Merge", "Strict"))] = None
    sysctls: Annotated[list[Sysctl], Field(list_type="atomic")] = []
    windows_options: WindowsSecurityContextOptions | None = None


class SecurityContext(Record, frozen=True, kw_only=True):
    """Security settings of a container; they win over the pod's."""

    allow_privilege_escalation: bool | None = None
    app_armor_profile: AppArmorProfile | None = None
    capabilities: Capabilities | None = None
    privileged: bool | None = None
    proc_mount: Annotated[str | None, Field(enum=("Default", "Unmasked"))] = None
    read_only_root_filesystem: bool | None = None
    run_as_group: Int64 | None = None
    run_as_non_root: bool | None = None
    run_as_user: Int64 | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: SeccompProfile | None = None
    windows_options: WindowsSecurityContextOptions | None = None
