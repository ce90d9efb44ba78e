"""Access reviews (authorization.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import FieldSelectorRequirement, LabelSelectorRequirement, ObjectMeta
from api.types.record import Field, Record, always, always_list

PACKAGE = "authorization/v1"


class FieldSelectorAttributes(Record, frozen=True, kw_only=True):
    """The field selector of a request to be reviewed."""

    raw_selector: str = ""
    requirements: Annotated[list[FieldSelectorRequirement], Field(list_type="atomic")] = []


class LabelSelectorAttributes(Record, frozen=True, kw_only=True):
    """The label selector of a request to be reviewed."""

    raw_selector: str = ""
    requirements: Annotated[list[LabelSelectorRequirement], Field(list_type="atomic")] = []


class NonResourceAttributes(Record, frozen=True, kw_only=True):
    """A request for a URL that is not a resource."""

    path: str = ""
    verb: str = ""


class ResourceAttributes(Record, frozen=True, kw_only=True):
    """A request for a resource."""

    name: str = ""
    field_selector: FieldSelectorAttributes | None = None
    group: str = ""
    label_selector: LabelSelectorAttributes | None = None
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    verb: str = ""
    version: str = ""


class SubjectAccessReviewSpec(Record, frozen=True, kw_only=True):
    """Who wants to do what."""

    extra: dict[str, list[str]] = {}
    groups: Annotated[list[str], Field(list_type="atomic")] = []
    non_resource_attributes: NonResourceAttributes | None = None
    resource_attributes: ResourceAttributes | None = None
    uid: str = ""
    user: str = ""


class SubjectAccessReviewStatus(Record, frozen=True, kw_only=True):
    """Whether it is allowed, and why."""

    allowed: Annotated[bool, Field(required=True)] = always(False)
    denied: bool = False
    evaluation_error: str = ""
    reason: str = ""


class LocalSubjectAccessReview(Record, frozen=True, kw_only=True):
    """Asks whether someone may do something within a namespace."""

    api_version: str = always("authorization.k8s.io/v1")
    kind: str = always("LocalSubjectAccessReview")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[SubjectAccessReviewSpec, Field(required=True)] = field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = field(default_factory=SubjectAccessReviewStatus)


class NonResourceRule(Record, frozen=True, kw_only=True):
    """Verbs allowed on URLs."""

    non_resource_urls: Annotated[list[str], Field(list_type="atomic")] = field(
        name="nonResourceURLs", default_factory=list
    )
    verbs: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()


class ResourceRule(Record, frozen=True, kw_only=True):
    """Verbs allowed on resources."""

    api_groups: Annotated[list[str], Field(list_type="atomic")] = []
    resource_names: Annotated[list[str], Field(list_type="atomic")] = []
    resources: Annotated[list[str], Field(list_type="atomic")] = []
    verbs: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()


class SelfSubjectAccessReviewSpec(Record, frozen=True, kw_only=True):
    """What the caller wants to do."""

    non_resource_attributes: NonResourceAttributes | None = None
    resource_attributes: ResourceAttributes | None = None


class SelfSubjectAccessReview(Record, frozen=True, kw_only=True):
    """Asks whether the caller may do something."""

    api_version: str = always("authorization.k8s.io/v1")
    kind: str = always("SelfSubjectAccessReview")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[SelfSubjectAccessReviewSpec, Field(required=True)] = field(
        default_factory=SelfSubjectAccessReviewSpec
    )
    status: SubjectAccessReviewStatus = field(default_factory=SubjectAccessReviewStatus)


class SelfSubjectRulesReviewSpec(Record, frozen=True, kw_only=True):
    """The namespace asked about."""

    namespace: str = ""


class SubjectRulesReviewStatus(Record, frozen=True, kw_only=True):
    """What is allowed; possibly not all of it."""

    evaluation_error: str = ""
    incomplete: Annotated[bool, Field(required=True)] = always(False)
    non_resource_rules: Annotated[list[NonResourceRule], Field(required=True, list_type="atomic")] = always_list()
    resource_rules: Annotated[list[ResourceRule], Field(required=True, list_type="atomic")] = always_list()


class SelfSubjectRulesReview(Record, frozen=True, kw_only=True):
    """Asks what the caller may do within a namespace."""

    api_version: str = always("authorization.k8s.io/v1")
    kind: str = always("SelfSubjectRulesReview")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[SelfSubjectRulesReviewSpec, Field(required=True)] = field(
        default_factory=SelfSubjectRulesReviewSpec
    )
    status: SubjectRulesReviewStatus = field(default_factory=SubjectRulesReviewStatus)


class SubjectAccessReview(Record, frozen=True, kw_only=True):
    """Asks whether someone may do something."""

    api_version: str = always("authorization.k8s.io/v1")
    kind: str = always("SubjectAccessReview")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[SubjectAccessReviewSpec, Field(required=True)] = field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus = field(default_factory=SubjectAccessReviewStatus)
