"""Which APIs the server has: the discovery documents, as functions of the scheme.

Legacy documents (APIVersions, APIGroupList, APIGroup, APIResourceList) answer /api, /apis and what is below them;
the aggregated one (APIGroupDiscoveryList, group apidiscovery.k8s.io) answers /api and /apis to clients that ask for it.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from api.scheme import RESOURCES, Resource, Subresource

Tree = dict[str, Any]

CORE = ""
AGGREGATED_VERSIONS = ("v2", "v2beta1")


def api_versions(server_address: str) -> Tree:
    """The document at /api; `server_address` is HOST:PORT."""
    return {
        "kind": "APIVersions",
        "versions": versions(CORE),
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    }


def group_list() -> Tree:
    """The document at /apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in groups()]}


def group(name: str) -> Tree:
    """The document at /apis/GROUP. Raises `KeyError` for an unknown group."""
    if name not in groups():
        raise KeyError(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)}


def resource_list(group_name: str, version: str) -> Tree:
    """The document at /api/v1 or /apis/GROUP/VERSION. Raises `KeyError` for an unknown group or version."""
    resources = _resources(group_name, version)
    if not resources:
        raise KeyError(_group_version(group_name, version))
    entries: list[Tree] = []
    for resource in resources:
        entries.append(_legacy_resource(resource))
        entries += [_legacy_subresource(resource, subresource) for subresource in resource.subresources]
    # The core group's document has never had an apiVersion.
    head = {"kind": "APIResourceList"} if group_name == CORE else {"kind": "APIResourceList", "apiVersion": "v1"}
    return {**head, "groupVersion": _group_version(group_name, version), "resources": entries}


def aggregated(group_names: Iterable[str], version: str = "v2") -> Tree:
    """One document about whole groups: `[CORE]` for /api, `groups()` for /apis; `version` is v2 or v2beta1."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [_aggregated_group(name) for name in group_names],
    }


def groups() -> list[str]:
    """All groups but the core group, most important first."""
    return [name for name in dict.fromkeys(resource.group for resource in RESOURCES) if name != CORE]


def versions(group_name: str) -> list[str]:
    """A group's versions, the preferred one first."""
    return list(dict.fromkeys(resource.version for resource in RESOURCES if resource.group == group_name))


def storage_version_hash(resource: Resource) -> str:
    """A fingerprint of the group, version and kind objects are stored as."""
    stored = resource.storage
    digest = hashlib.sha256(f"{stored.group}/{stored.version}/{stored.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _group_version(group_name: str, version: str) -> str:
    return f"{group_name}/{version}" if group_name else version


def _resources(group_name: str, version: str) -> list[Resource]:
    found = [item for item in RESOURCES if (item.group, item.version) == (group_name, version)]
    return sorted(found, key=lambda item: item.plural)


def _group(name: str) -> Tree:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions(name)]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _legacy_resource(resource: Resource) -> Tree:
    entry: Tree = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
        **_aliases(resource),
    }
    if resource.persistent:
        entry["storageVersionHash"] = storage_version_hash(resource)
    return entry


def _legacy_subresource(resource: Resource, subresource: Subresource) -> Tree:
    entry: Tree = {
        "name": f"{resource.plural}/{subresource.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
    }
    if subresource.version:
        entry |= {"group": subresource.group, "version": subresource.version}
    return entry | {"kind": subresource.kind, "verbs": list(subresource.verbs)}


def _aliases(resource: Resource) -> Tree:
    aliases: Tree = {}
    if resource.short_names:
        aliases["shortNames"] = list(resource.short_names)
    if resource.categories:
        aliases["categories"] = list(resource.categories)
    return aliases


def _aggregated_group(name: str) -> Tree:
    return {
        "metadata": {"name": name} if name else {},
        "versions": [
            {
                "version": version,
                "resources": [_aggregated_resource(resource) for resource in _resources(name, version)],
                "freshness": "Current",
            }
            for version in versions(name)
        ],
    }


def _aggregated_resource(resource: Resource) -> Tree:
    entry: Tree = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **_aliases(resource),
    }
    if resource.subresources:
        entry["subresources"] = [_aggregated_subresource(resource, item) for item in resource.subresources]
    return entry


def _aggregated_subresource(resource: Resource, subresource: Subresource) -> Tree:
    of_own_group = not subresource.version
    return {
        "subresource": subresource.name,
        "responseKind": {
            "group": resource.group if of_own_group else subresource.group,
            "version": resource.version if of_own_group else subresource.version,
            "kind": subresource.kind,
        },
        "verbs": list(subresource.verbs),
    }
