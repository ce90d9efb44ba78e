"""Decides what RBAC rules allow, and whether one set of rules covers another.

Pure: which rules apply to a user (bindings, groups) is the API server's authorizer's business.
Behaviour: upstream "Using RBAC Authorization" (kubernetes.io/docs/reference/access-authn-authz/rbac).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from api.types import PolicyRule

ALL = "*"
# Words compared before the rest counts as not held: a rule means the product of its lists, so a small one can stand
# for billions of grants, and whoever asks must not keep the API server busy with them.
MAX_COMPARISONS = 5_000_000


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request asks for.

    A request for a resource has `resource` (plural) and maybe `subresource` and `name`; any other request has
    only `path`, such as "/healthz". `namespace` plays no part in a rule: it decides which bindings apply.
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def is_resource_request(self) -> bool:
        return bool(self.resource)


def allows(rules: Iterable[PolicyRule], attributes: Attributes) -> bool:
    """Whether any of the rules permits the request. Rules only ever add; nothing denies."""
    return any(rule_allows(rule, attributes) for rule in rules)


def rule_allows(rule: PolicyRule, attributes: Attributes) -> bool:
    """Whether this one rule permits the request."""
    if not _matches(rule.verbs, attributes.verb):
        return False
    if not attributes.is_resource_request:
        return any(_url_covers(pattern, attributes.path) for pattern in rule.non_resource_urls)
    return (
        _matches(rule.api_groups, attributes.group)
        and _resource_matches(rule.resources, attributes.resource, attributes.subresource)
        and (not rule.resource_names or attributes.name in rule.resource_names)
    )


def covers(owner_rules: Sequence[PolicyRule], wanted_rules: Iterable[PolicyRule]) -> bool:
    """Whether somebody holding `owner_rules` already holds everything `wanted_rules` would grant."""
    return next(_uncovered(owner_rules, wanted_rules), None) is None


def uncovered(owner_rules: Sequence[PolicyRule], wanted_rules: Iterable[PolicyRule]) -> list[PolicyRule]:
    """The grants in `wanted_rules` that `owner_rules` lack, merged by resource for people to read.

    Each wanted rule is broken down to single verb, group, resource, name or URL; each of these must be covered by
    one owner rule (upstream: privilege escalation prevention).
    """
    return _compact(_uncovered(owner_rules, wanted_rules))


def describe(rule: PolicyRule) -> str:
    """A rule on one line, as upstream prints it in the message that refuses an escalation."""
    fields = (
        ("APIGroups", rule.api_groups),
        ("Resources", rule.resources),
        ("ResourceNames", rule.resource_names),
        ("NonResourceURLs", rule.non_resource_urls),
        ("Verbs", rule.verbs),
    )
    shown = ", ".join(f"{name}:[{' '.join(_quoted(value) for value in values)}]" for name, values in fields if values)
    return "{" + shown + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _matches(granted: Sequence[str], wanted: str) -> bool:
    return wanted in granted or ALL in granted


def _resource_matches(granted: Sequence[str], resource: str, subresource: str) -> bool:
    if ALL in granted:
        return True
    if not subresource:
        return resource in granted
    # "pods/*" is no pattern upstream, only "*/scale" is.
    return f"{resource}/{subresource}" in granted or f"*/{subresource}" in granted


def _url_covers(pattern: str, path: str) -> bool:
    if pattern in (ALL, path):
        return True
    return pattern.endswith("*") and path.startswith(pattern.rstrip("*"))


def _uncovered(owner_rules: Sequence[PolicyRule], wanted_rules: Iterable[PolicyRule]) -> Iterator[PolicyRule]:
    left, owned = MAX_COMPARISONS, sum(map(_words, owner_rules)) + 1
    for wanted in wanted_rules:
        left -= owned * _words(wanted)
        if left > 0 and any(_rule_covers(owner, wanted) for owner in owner_rules):
            continue
        for atom in _break_down(wanted):
            left -= owned + 100
            if left <= 0:
                yield wanted
                break
            if not any(_rule_covers(owner, atom) for owner in owner_rules):
                yield atom


def _words(rule: PolicyRule) -> int:
    lists = (rule.verbs, rule.api_groups, rule.resources, rule.resource_names, rule.non_resource_urls)
    return sum(map(len, lists)) + 1


def _break_down(rule: PolicyRule) -> Iterator[PolicyRule]:
    for group in rule.api_groups:
        for resource in rule.resources:
            for verb in rule.verbs:
                for names in [[name] for name in rule.resource_names] or [[]]:
                    yield PolicyRule(api_groups=[group], resources=[resource], verbs=[verb], resource_names=names)
    for url in rule.non_resource_urls:
        for verb in rule.verbs:
            yield PolicyRule(non_resource_urls=[url], verbs=[verb])


def _rule_covers(owner: PolicyRule, wanted: PolicyRule) -> bool:
    return (
        _covers_all(owner.verbs, wanted.verbs)
        and _covers_all(owner.api_groups, wanted.api_groups)
        and all(_resource_covers(owner.resources, resource) for resource in wanted.resources)
        and all(
            any(_url_covers(pattern, url) for pattern in owner.non_resource_urls) for url in wanted.non_resource_urls
        )
        and _names_cover(owner.resource_names, wanted.resource_names)
    )


def _covers_all(granted: Sequence[str], wanted: Sequence[str]) -> bool:
    return ALL in granted or all(item in granted for item in wanted)


def _resource_covers(granted: Sequence[str], resource: str) -> bool:
    name, _, subresource = resource.partition("/")
    return _resource_matches(granted, name, subresource)


def _names_cover(granted: Sequence[str], wanted: Sequence[str]) -> bool:
    if not granted:
        return True
    return bool(wanted) and all(name in granted for name in wanted)


def _compact(atoms: Iterable[PolicyRule]) -> list[PolicyRule]:
    """Joins the verbs of rules that differ in nothing else; sorted by how they read."""
    verbs: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for atom in atoms:
        key = tuple(
            tuple(part) for part in (atom.api_groups, atom.resources, atom.resource_names, atom.non_resource_urls)
        )
        known = verbs.setdefault(key, [])
        known.extend(verb for verb in atom.verbs if verb not in known)
    rules = [
        PolicyRule(
            api_groups=list(groups),
            resources=list(resources),
            resource_names=list(names),
            non_resource_urls=list(urls),
            verbs=granted,
        )
        for (groups, resources, names, urls), granted in verbs.items()
    ]
    return sorted(rules, key=describe)
