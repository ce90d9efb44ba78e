"""RBAC roles and bindings, access reviews, token requests."""

from __future__ import annotations

from msgspec.structs import replace

from api import names
from api.errors import FieldError
from api.types import (
    ClusterRole,
    ClusterRoleBinding,
    LocalSubjectAccessReview,
    ObjectMeta,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    Subject,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
    TokenRequest,
)
from api.validation.checks import Errors, internal_form, well_formed

_GROUP = "rbac.authorization.k8s.io"
_SHORTEST_TOKEN_SECONDS = 10 * 60
_LONGEST_TOKEN_SECONDS = 1 << 32


def role(role: Role | ClusterRole) -> Errors:
    for index, rule in enumerate(role.rules):
        yield from _rule(rule, isinstance(role, Role), f"rules[{index}]")


def binding(binding: RoleBinding | ClusterRoleBinding) -> Errors:
    namespaced = isinstance(binding, RoleBinding)
    yield from _role_ref(binding.role_ref, ("Role", "ClusterRole") if namespaced else ("ClusterRole",))
    for index, subject in enumerate(binding.subjects):
        yield from _subject(subject, namespaced, f"subjects[{index}]")


def binding_update(new: RoleBinding | ClusterRoleBinding, old: RoleBinding | ClusterRoleBinding) -> Errors:
    yield from binding(new)
    if new.role_ref != old.role_ref:
        yield FieldError.invalid("roleRef", internal_form(new.role_ref), "cannot change roleRef")


def _rule(rule: PolicyRule, namespaced: bool, path: str) -> Errors:
    if not rule.verbs:
        yield FieldError.required(f"{path}.verbs", "verbs must contain at least one value")
    if rule.non_resource_urls:
        where = f"{path}.nonResourceURLs"
        if namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            yield FieldError.invalid(where, rule.non_resource_urls, detail)
        if rule.api_groups or rule.resources or rule.resource_names:
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            yield FieldError.invalid(where, rule.non_resource_urls, detail)
        return
    if not rule.api_groups:
        yield FieldError.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.resources:
        yield FieldError.required(f"{path}.resources", "resource rules must supply at least one resource")


def _role_ref(reference: RoleRef, kinds: tuple[str, ...]) -> Errors:
    if reference.api_group != _GROUP:
        yield FieldError.not_supported("roleRef.apiGroup", reference.api_group, (_GROUP,))
    if reference.kind not in kinds:
        yield FieldError.not_supported("roleRef.kind", reference.kind, kinds)
    if not reference.name:
        yield FieldError.required("roleRef.name")
    else:
        yield from well_formed(reference.name, "roleRef.name", names.path_segment)


def _subject(subject: Subject, namespaced: bool, path: str) -> Errors:
    if not subject.name:
        yield FieldError.required(f"{path}.name")
    match subject.kind:
        case "ServiceAccount":
            if subject.name:
                yield from well_formed(subject.name, f"{path}.name", names.dns1123_subdomain)
            if subject.api_group:
                yield FieldError.not_supported(f"{path}.apiGroup", subject.api_group, ("",))
            if not namespaced and not subject.namespace:
                yield FieldError.required(f"{path}.namespace")
        case "User" | "Group":
            if not subject.name:
                detail = f"{subject.kind.lower()} name cannot be empty"
                yield FieldError.invalid(f"{path}.name", subject.name, detail)
            if subject.api_group != _GROUP:
                yield FieldError.not_supported(f"{path}.apiGroup", subject.api_group, (_GROUP,))
        case _:
            yield FieldError.not_supported(f"{path}.kind", subject.kind, ("ServiceAccount", "User", "Group"))


def subject_access_review(review: SubjectAccessReview) -> Errors:
    yield from _subject_spec(review.spec)
    yield from _empty_metadata(review.metadata, "must be empty")


def self_subject_access_review(review: SelfSubjectAccessReview) -> Errors:
    yield from _one_target(review.spec)
    yield from _empty_metadata(review.metadata, "must be empty")


def local_subject_access_review(review: LocalSubjectAccessReview) -> Errors:
    yield from _subject_spec(review.spec)
    yield from _empty_metadata(replace(review.metadata, namespace=""), "must be empty except for namespace")
    attributes = review.spec.resource_attributes
    if attributes is not None and attributes.namespace != review.metadata.namespace:
        where = "spec.resourceAttributes.namespace"
        yield FieldError.invalid(where, attributes.namespace, "must match metadata.namespace")
    if review.spec.non_resource_attributes is not None:
        shown = internal_form(review.spec.non_resource_attributes)
        yield FieldError.invalid("spec.nonResourceAttributes", shown, "disallowed on this kind of request")


def _subject_spec(spec: SubjectAccessReviewSpec) -> Errors:
    yield from _one_target(spec)
    if not spec.user and not spec.groups:
        yield FieldError.invalid("spec.user", spec.user, "at least one of user or group must be specified")


def _one_target(spec: SubjectAccessReviewSpec | SelfSubjectAccessReviewSpec) -> Errors:
    if spec.resource_attributes is not None and spec.non_resource_attributes is not None:
        detail = "cannot be specified in combination with resourceAttributes"
        shown = internal_form(spec.non_resource_attributes)
        yield FieldError.invalid("spec.nonResourceAttributes", shown, detail)
    if spec.resource_attributes is None and spec.non_resource_attributes is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        yield FieldError.invalid("spec.resourceAttributes", None, detail)


def _empty_metadata(metadata: ObjectMeta, detail: str) -> Errors:
    if replace(metadata, managed_fields=[]) != ObjectMeta():
        yield FieldError.invalid("metadata", metadata, detail)


def token_request(request: TokenRequest) -> Errors:
    seconds = request.spec.expiration_seconds or 0
    if seconds < _SHORTEST_TOKEN_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
        yield FieldError.invalid("spec.expirationSeconds", seconds, detail)
    if seconds > _LONGEST_TOKEN_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
        yield FieldError.invalid("spec.expirationSeconds", seconds, detail)
