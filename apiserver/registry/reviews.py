"""Questions instead of objects: what a user may do, whose a token is. Answered at once, never stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from api import codec, errors
from api.errors import FieldError
from api.scheme import Resource
from api.selectors import FieldRequirement
from api.types import (
    FieldSelectorAttributes,
    NonResourceAttributes,
    NonResourceRule,
    PolicyRule,
    ResourceAttributes,
    ResourceRule,
    SelfSubjectReviewStatus,
    SubjectAccessReviewStatus,
    SubjectRulesReviewStatus,
    TokenReviewStatus,
    UserInfo,
)
from apiserver.auth.authn import Authenticator
from apiserver.auth.service_accounts import InvalidToken
from apiserver.auth.user import User
from apiserver.registry import bodies, metadata
from apiserver.registry.bodies import Kind
from apiserver.registry.registry import Registry
from apiserver.requests import Attributes, Authorizer, Result, WriteOptions
from apiserver.stored import Stored


class RulesAuthorizer(Authorizer, Protocol):
    def rules_for(self, user: User, namespace: str) -> tuple[list[PolicyRule], list[str]]: ...


class Review(Registry):
    """Decodes a review, lets `answer` fill in its status, and sends it back."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource)
        self._kind = Kind(resource.record, resource.api_version, resource.kind)

    async def create(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        bodies.check_options("Create", options.dry_run, options.field_validation)
        review, warnings = bodies.decode(self._kind, body, options.field_validation)
        review = metadata.in_namespace(review, self.resource, namespace)
        answered = replace(review, status=self.answer(user, review))
        data = codec.encode(answered)
        return Result(Stored(self.resource, namespace, "", 0, data), warnings, created=True)

    def answer(self, user: User, review: Any) -> Any:
        raise NotImplementedError

    def _refuse(self, *problems: FieldError) -> errors.Invalid:
        return errors.Invalid(self.resource.group_kind, "", problems)


class SelfAccessReview(Review):
    """May I?"""

    def __init__(self, resource: Resource, authorizer: Authorizer) -> None:
        super().__init__(resource)
        self._authorizer = authorizer

    def answer(self, user: User, review: Any) -> SubjectAccessReviewStatus:
        return self.decide(user, review.spec.resource_attributes, review.spec.non_resource_attributes)

    def decide(
        self, user: User, resource: ResourceAttributes | None, path: NonResourceAttributes | None
    ) -> SubjectAccessReviewStatus:
        if (resource is None) == (path is None):
            wrong = FieldError.invalid(
                "spec.resourceAttributes",
                None,
                "exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )
            raise self._refuse(wrong)
        if resource is not None:
            attributes = Attributes(
                user,
                resource.verb,
                resource.group,
                resource.version or "*",
                resource.resource,
                resource.subresource,
                resource.namespace,
                resource.name,
                field_selector=_selector_text(resource.field_selector),
            )
        else:
            assert path is not None
            attributes = Attributes(user, path.verb, path=path.path)
        decision = self._authorizer.authorize(attributes)
        return SubjectAccessReviewStatus(allowed=decision.allowed, reason=decision.reason)


class AccessReview(SelfAccessReview):
    """May this user? The local form asks about one namespace only."""

    def answer(self, user: User, review: Any) -> SubjectAccessReviewStatus:
        spec = review.spec
        if not spec.user and not spec.groups:
            raise self._refuse(FieldError.required("spec.user", "at least one of user or group must be specified"))
        if self.resource.namespaced:
            self._check_local(review)
        asked = User(spec.user, spec.uid, tuple(spec.groups), _frozen(spec.extra))
        return self.decide(asked, spec.resource_attributes, spec.non_resource_attributes)

    def _check_local(self, review: Any) -> None:
        namespace = review.metadata.namespace
        resource = review.spec.resource_attributes
        if resource is not None and resource.namespace != namespace:
            raise errors.BadRequest(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
        if review.spec.non_resource_attributes is not None:
            wrong = FieldError.invalid("spec.nonResourceAttributes", None, "disallowed on this kind of request")
            raise self._refuse(wrong)


class SelfRulesReview(Review):
    """What may I?"""

    def __init__(self, resource: Resource, authorizer: RulesAuthorizer) -> None:
        super().__init__(resource)
        self._authorizer = authorizer

    def answer(self, user: User, review: Any) -> SubjectRulesReviewStatus:
        namespace = review.spec.namespace
        if not namespace:
            raise errors.BadRequest("no namespace on request")
        rules, problems = self._authorizer.rules_for(user, namespace)
        return SubjectRulesReviewStatus(
            incomplete=bool(problems),
            evaluation_error=", ".join(problems),
            resource_rules=[
                ResourceRule(
                    verbs=rule.verbs,
                    api_groups=rule.api_groups,
                    resources=rule.resources,
                    resource_names=rule.resource_names,
                )
                for rule in rules
                if rule.resources
            ],
            non_resource_rules=[
                NonResourceRule(verbs=rule.verbs, non_resource_urls=rule.non_resource_urls)
                for rule in rules
                if rule.non_resource_urls
            ],
        )


class TokenReviews(Review):
    """Whose is this token?"""

    def __init__(self, resource: Resource, authenticator: Authenticator) -> None:
        super().__init__(resource)
        self._authenticator = authenticator

    def answer(self, user: User, review: Any) -> TokenReviewStatus:
        spec = review.spec
        if not spec.token:
            raise errors.BadRequest("token is required for TokenReview in authentication")
        try:
            authenticated = self._authenticator.review(spec.token, spec.audiences)
        except InvalidToken as error:
            return TokenReviewStatus(error=str(error))
        return TokenReviewStatus(
            authenticated=True,
            user=_user_info(authenticated.user),
            audiences=list(authenticated.audiences),
        )


class SelfReview(Review):
    """Who am I?"""

    def answer(self, user: User, review: Any) -> SelfSubjectReviewStatus:
        return SelfSubjectReviewStatus(user_info=_user_info(user))


def _selector_text(asked: FieldSelectorAttributes | None) -> str:
    """A selector as a request would carry it; of its requirements those count that ask for one value."""
    if asked is None:
        return ""
    one_value = [each for each in asked.requirements if each.operator == "In" and len(each.values) == 1]
    return asked.raw_selector or ",".join(str(FieldRequirement(each.key, "=", each.values[0])) for each in one_value)


def _user_info(user: User) -> UserInfo:
    return UserInfo(
        username=user.name,
        uid=user.uid,
        groups=list(user.groups),
        extra={key: list(values) for key, values in user.extra.items()},
    )


def _frozen(extra: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {key.lower(): tuple(values) for key, values in extra.items()}
