"""A short notation for the default roles: words in one string instead of lists of one-word strings."""

from api.types import PolicyRule

READ = "get list watch"
WRITE = "create delete deletecollection patch update"
EVERYTHING = f"{READ} {WRITE}"
CORE = "core"
"""Stands for the group "", which a list of words cannot show."""


def on(groups: str, resources: str, verbs: str, *, names: str = "") -> PolicyRule:
    """A rule on resources; each argument is words, sorted in the result as upstream lists them."""
    return PolicyRule(
        api_groups=sorted("" if group == CORE else group for group in groups.split()),
        resources=sorted(resources.split()),
        verbs=sorted(verbs.split()),
        resource_names=sorted(names.split()),
    )


def at(urls: str, verbs: str = "get") -> PolicyRule:
    """A rule on URLs that are no resources."""
    return PolicyRule(non_resource_urls=sorted(urls.split()), verbs=sorted(verbs.split()))


def events() -> PolicyRule:
    """Recording Events, which nearly every component does."""
    return on("core events.k8s.io", "events", "create patch update")
