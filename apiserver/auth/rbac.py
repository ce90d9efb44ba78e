"""Role-based access control: what the roles bound to a user allow.

`Policy` is a snapshot of all four RBAC kinds, indexed by subject; `RbacAuthorizer` keeps the current snapshot
and the decisions taken on it, and starts afresh when any RBAC object has changed. Semantics are upstream's
(documentation "Using RBAC Authorization"): rules only ever add, a RoleBinding grants within its namespace, a
ClusterRoleBinding everywhere; aggregated ClusterRoles are the union of the roles their selectors match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from api import rbac
from api.types import ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, Subject
from apiserver.auth.objects import RbacObjects
from apiserver.auth.user import MASTERS, SERVICE_ACCOUNT_PREFIX, User
from apiserver.requests import Attributes, Decision

GROUP: Final = "rbac.authorization.k8s.io"
# Decisions kept at most; then the cache starts afresh (a guard on memory, not a tuning knob).
MAX_CACHED_DECISIONS: Final = 20_000
# Questions with longer names, which nothing real has, are decided anew each time: callers choose what they ask.
MAX_KEY_CHARACTERS: Final = 1_000


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule limited to certain object names, with that limit kept apart so that it can be asked about separately."""

    nameless: PolicyRule
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """One binding as seen from its subject: the rules it gives, and where ("" is everywhere).

    `rules` is None when the binding refers to a role that does not exist; `origin` says so, or names the binding.
    """

    namespace: str
    rules: tuple[PolicyRule, ...] | None
    rules_by_name: tuple[NamedRule, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a user may do to a resource, independent of the object's name.

    Either every name is allowed, or only `names`. The decisions are made here so that a hit costs a look-up.
    """

    any_name: bool
    names: frozenset[str]
    allowed: Decision
    refused: Decision


class Policy:
    """An immutable index of grants by subject."""

    def __init__(self, objects: RbacObjects) -> None:
        self._cluster_roles = _effective_cluster_roles(list(objects.cluster_roles()))
        self._roles = {(role.metadata.namespace, role.metadata.name): tuple(role.rules) for role in objects.roles()}
        self._grants: dict[tuple[str, str], list[Grant]] = {}
        for binding in objects.cluster_role_bindings():
            self._bind("", binding, f'ClusterRoleBinding "{binding.metadata.name}"')
        for role_binding in objects.role_bindings():
            metadata = role_binding.metadata
            origin = f'RoleBinding "{metadata.name}/{metadata.namespace}"'
            self._bind(metadata.namespace, role_binding, origin)

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """The grants that count for `user` in `namespace` ("" for cluster-scoped and non-resource requests)."""
        subjects = [("User", user.name), *(("Group", group) for group in user.groups)]
        for subject in subjects:
            for grant in self._grants.get(subject, ()):
                if not grant.namespace or grant.namespace == namespace:
                    yield grant

    def _bind(self, namespace: str, binding: RoleBinding | ClusterRoleBinding, origin: str) -> None:
        ref = binding.role_ref
        if ref.kind == "ClusterRole":
            rules = self._cluster_roles.get(ref.name)
            missing = f'clusterrole.{GROUP} "{ref.name}" not found'
        else:
            rules = self._roles.get((namespace, ref.name))
            missing = f'role.{GROUP} "{ref.name}" not found'
        role = f'{ref.kind} "{ref.name}"'
        named = tuple(
            NamedRule(msgspec.structs.replace(rule, resource_names=[]), tuple(rule.resource_names))
            for rule in rules or ()
            if rule.resource_names
        )
        for subject in binding.subjects:
            who = f'{subject.kind} "{_subject_text(subject, namespace)}"'
            grant = Grant(namespace, rules, named, missing if rules is None else f"{origin} of {role} to {who}")
            self._grants.setdefault(_subject_key(subject, namespace), []).append(grant)


class RbacAuthorizer:
    """Decides on the current policy; remembers decisions until the policy changes."""

    def __init__(self, objects: RbacObjects) -> None:
        self._objects = objects
        self._generation: object = None
        self._policy: Policy | None = None
        self._outcomes: dict[tuple[User, str, str, str, str, str], Outcome] = {}

    def authorize(self, attributes: Attributes) -> Decision:
        user = attributes.user
        if MASTERS in user.groups:
            return _MASTERS_ALLOWED
        policy = self._current()
        if not attributes.resource:
            return _decide_path(policy, user, attributes.verb, attributes.path)
        key = (
            user,
            attributes.verb,
            attributes.group,
            attributes.resource,
            attributes.subresource,
            attributes.namespace,
        )
        outcome = self._outcomes.get(key)
        if outcome is None:
            outcome = _evaluate(policy, attributes)
            if sum(map(len, key[1:])) <= MAX_KEY_CHARACTERS:
                if len(self._outcomes) >= MAX_CACHED_DECISIONS:
                    self._outcomes.clear()
                self._outcomes[key] = outcome
        if outcome.any_name or attributes.name in outcome.names:
            return outcome.allowed
        return outcome.refused

    def rules_for(self, user: User, namespace: str) -> tuple[list[PolicyRule], list[str]]:
        """All rules that count for `user` in `namespace`, and what went wrong while collecting them."""
        if MASTERS in user.groups:
            return list(_EVERYTHING), []
        rules: dict[bytes, PolicyRule] = {}
        problems: list[str] = []
        for grant in self._current().grants(user, namespace):
            if grant.rules is None:
                problems.append(grant.origin)
            else:
                rules.update((msgspec.json.encode(rule), rule) for rule in grant.rules)
        return list(rules.values()), problems

    def _current(self) -> Policy:
        generation = self._objects.rbac_generation()
        if self._policy is None or generation != self._generation:
            self._policy = Policy(self._objects)
            self._generation = generation
            self._outcomes.clear()
        return self._policy


def _evaluate(policy: Policy, attributes: Attributes) -> Outcome:
    question = rbac.Attributes(
        verb=attributes.verb,
        group=attributes.group,
        resource=attributes.resource,
        subresource=attributes.subresource,
        namespace=attributes.namespace,
    )
    names: set[str] = set()
    origin = ""
    problems: list[str] = []
    for grant in policy.grants(attributes.user, attributes.namespace):
        if grant.rules is None:
            problems.append(grant.origin)
        elif rbac.allows(grant.rules, question):
            return Outcome(True, frozenset(), _allowed(grant.origin), _REFUSED)
        else:
            for rule in grant.rules_by_name:
                if rbac.rule_allows(rule.nameless, question):
                    names.update(rule.names)
                    origin = grant.origin
    return Outcome(False, frozenset(names), _allowed(origin), _refused(list(dict.fromkeys(problems))))


def _decide_path(policy: Policy, user: User, verb: str, path: str) -> Decision:
    question = rbac.Attributes(verb=verb, path=path)
    problems: list[str] = []
    for grant in policy.grants(user, ""):
        if grant.rules is None:
            problems.append(grant.origin)
        elif rbac.allows(grant.rules, question):
            return _allowed(grant.origin)
    return _refused(problems)


def _refused(problems: Sequence[str]) -> Decision:
    if not problems:
        return _REFUSED
    text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return Decision(False, f"RBAC: {text}")


def _allowed(origin: str) -> Decision:
    return Decision(True, f"RBAC: allowed by {origin}")


def _subject_key(subject: Subject, binding_namespace: str) -> tuple[str, str]:
    if subject.kind == "ServiceAccount":
        namespace = subject.namespace or binding_namespace
        return ("User", f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{subject.name}")
    return (subject.kind, subject.name)


def _subject_text(subject: Subject, binding_namespace: str) -> str:
    if subject.kind == "ServiceAccount":
        return f"{subject.name}/{subject.namespace or binding_namespace}"
    return subject.name


def _effective_cluster_roles(roles: Sequence[ClusterRole]) -> dict[str, tuple[PolicyRule, ...]]:
    """Rules by role name, aggregation worked out.

    A selected role may itself be aggregated (`admin` selects `edit` selects `view`): aggregation is repeated until
    nothing changes. Each round settles one more level, so there are never more rounds than roles.
    """
    current = {role.metadata.name: role for role in roles}
    aggregated = [role.metadata.name for role in roles if role.aggregation_rule is not None]
    for _ in aggregated:
        rules = {name: rbac.aggregate(current[name], current.values()) for name in aggregated}
        if all(rules[name] == current[name].rules for name in aggregated):
            break
        for name in aggregated:
            current[name] = msgspec.structs.replace(current[name], rules=rules[name])
    return {name: tuple(role.rules) for name, role in current.items()}


_REFUSED: Final = Decision(False)
_MASTERS_ALLOWED: Final = Decision(True, "system:masters")
_EVERYTHING: Final = (
    PolicyRule(verbs=["*"], api_groups=["*"], resources=["*"]),
    PolicyRule(verbs=["*"], non_resource_urls=["*"]),
)
