"""Defaults of RBAC bindings and token requests."""

from __future__ import annotations

from typing import TypeVar

from api.defaults.fill import fill, within
from api.types import ClusterRoleBinding, RoleBinding, RoleRef, Subject, TokenRequest, TokenRequestSpec

RBAC_GROUP = "rbac.authorization.k8s.io"
B = TypeVar("B", RoleBinding, ClusterRoleBinding)


def role_binding(binding: B) -> B:
    return within(binding, role_ref=_role_ref, subjects=_subject)


def _role_ref(reference: RoleRef) -> RoleRef:
    return fill(reference, api_group=RBAC_GROUP)


def _subject(subject: Subject) -> Subject:
    """Users and groups are RBAC's own; service accounts are objects of the core group."""
    return fill(subject, api_group=RBAC_GROUP) if subject.kind in ("User", "Group") else subject


def token_request(request: TokenRequest) -> TokenRequest:
    return within(request, spec=_token_spec)


def _token_spec(spec: TokenRequestSpec) -> TokenRequestSpec:
    return fill(spec, expiration_seconds=3600)
