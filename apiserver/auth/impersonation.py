"""Acting as somebody else: the Impersonate-* headers (upstream documentation "User impersonation").

Each part of the wanted identity is authorized by itself with the verb `impersonate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from api import errors
from apiserver.auth.service_accounts import account_groups
from apiserver.auth.user import ALL_AUTHENTICATED, ALL_UNAUTHENTICATED, ANONYMOUS, SERVICE_ACCOUNT_PREFIX, User
from apiserver.requests import Attributes

USER_HEADER = "Impersonate-User"
GROUP_HEADER = "Impersonate-Group"
UID_HEADER = "Impersonate-Uid"
EXTRA_PREFIX = "impersonate-extra-"
AUTHENTICATION_GROUP = "authentication.k8s.io"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The identity the headers ask for."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.user or self.uid or self.groups or self.extra)


def wanted(headers: Sequence[tuple[str, str]]) -> Wanted:
    """Read the headers; names compare without case, extra keys are percent-decoded and lower-cased."""
    user = uid = ""
    groups: list[str] = []
    extra: dict[str, tuple[str, ...]] = {}
    for name, value in headers:
        lower = name.lower()
        if not lower.startswith("impersonate-"):
            continue
        if lower == USER_HEADER.lower():
            user = value
        elif lower == GROUP_HEADER.lower():
            groups.append(value)
        elif lower == UID_HEADER.lower():
            uid = value
        elif lower.startswith(EXTRA_PREFIX):
            key = unquote(lower.removeprefix(EXTRA_PREFIX)).lower()
            extra[key] = (*extra.get(key, ()), value)
    return Wanted(user, uid, tuple(groups), extra)


def impersonate(user: User, identity: Wanted, authorize: Callable[[Attributes], None]) -> User:
    """The user to go on as. `authorize` raises Forbidden.

    Raises `InternalError`, as upstream does, when groups, uid or extra are wanted without a user.
    """
    if not identity.user:
        raise errors.InternalError("requested impersonation of groups, a uid or extra without impersonating a user")
    account = _service_account(identity.user)
    if account is None:
        authorize(Attributes(user, "impersonate", "", "v1", "users", name=identity.user))
    else:
        namespace, name = account
        authorize(Attributes(user, "impersonate", "", "v1", "serviceaccounts", namespace=namespace, name=name))
    for group in identity.groups:
        authorize(Attributes(user, "impersonate", "", "v1", "groups", name=group))
    for key, values in identity.extra.items():
        for value in values:
            authorize(Attributes(user, "impersonate", AUTHENTICATION_GROUP, "v1", "userextras", key, name=value))
    if identity.uid:
        authorize(Attributes(user, "impersonate", AUTHENTICATION_GROUP, "v1", "uids", name=identity.uid))
    return User(identity.user, identity.uid, _groups(identity, account), identity.extra)


def _groups(identity: Wanted, account: tuple[str, str] | None) -> tuple[str, ...]:
    groups = identity.groups
    if not groups and account is not None:
        groups = account_groups(account[0])
    virtual = ALL_UNAUTHENTICATED if identity.user == ANONYMOUS else ALL_AUTHENTICATED
    if ALL_AUTHENTICATED in groups or ALL_UNAUTHENTICATED in groups:
        return groups
    return (*groups, virtual)


def _service_account(user: str) -> tuple[str, str] | None:
    if not user.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, separator, name = user.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
    return (namespace, name) if separator and namespace and name else None
