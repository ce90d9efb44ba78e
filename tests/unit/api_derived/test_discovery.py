"""Discovery documents, legacy and aggregated."""

import pytest

from api import discovery
from api.scheme import RESOURCES, by_path


def entry(document, name):
    (found,) = [item for item in document["resources"] if item["name"] == name]
    return found


def test_core_versions():
    assert discovery.api_versions("127.0.0.1:6443") == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
    }


def test_groups_most_important_first():
    names = [group["name"] for group in discovery.group_list()["groups"]]
    assert names[0] == "apps"
    assert "" not in names
    assert {"rbac.authorization.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io"} <= set(names)


def test_one_group():
    version = {"groupVersion": "apps/v1", "version": "v1"}
    assert discovery.group("apps") == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": "apps",
        "versions": [version],
        "preferredVersion": version,
    }


def test_core_resources():
    document = discovery.resource_list("", "v1")
    assert "apiVersion" not in document
    assert document["groupVersion"] == "v1"
    assert entry(document, "pods") == {
        "name": "pods",
        "singularName": "pod",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["po"],
        "categories": ["all"],
        "storageVersionHash": "xPOwRZ+Yhw8=",
    }
    assert entry(document, "pods/eviction") == {
        "name": "pods/eviction",
        "singularName": "",
        "namespaced": True,
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
        "verbs": ["create"],
    }
    assert entry(document, "bindings") == {
        "name": "bindings",
        "singularName": "binding",
        "namespaced": True,
        "kind": "Binding",
        "verbs": ["create"],
    }
    assert entry(document, "serviceaccounts/token")["kind"] == "TokenRequest"


def test_group_resources():
    document = discovery.resource_list("apps", "v1")
    assert (document["apiVersion"], document["groupVersion"]) == ("v1", "apps/v1")
    assert [item["name"] for item in document["resources"]] == [
        "controllerrevisions",
        "daemonsets",
        "daemonsets/status",
        "deployments",
        "deployments/scale",
        "deployments/status",
        "replicasets",
        "replicasets/scale",
        "replicasets/status",
        "statefulsets",
        "statefulsets/scale",
        "statefulsets/status",
    ]
    scale = entry(document, "deployments/scale")
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
    assert entry(document, "deployments")["storageVersionHash"] == "8aSe+NMegvE="


def test_both_events_are_stored_as_one_kind():
    core, grouped = by_path("", "v1", "events"), by_path("events.k8s.io", "v1", "events")
    assert discovery.storage_version_hash(core) == discovery.storage_version_hash(grouped) == "r2yiGXH7wu8="


@pytest.mark.parametrize("name", ["nope", ""])
def test_groups_that_are_not_served(name):
    with pytest.raises(KeyError):
        discovery.group(name)


@pytest.mark.parametrize(("group", "version"), [("apps", "v2"), ("nope", "v1"), ("", "v2")])
def test_versions_that_are_not_served(group, version):
    with pytest.raises(KeyError):
        discovery.resource_list(group, version)


@pytest.mark.parametrize("version", discovery.AGGREGATED_VERSIONS)
def test_aggregated_groups(version):
    document = discovery.aggregated(discovery.groups(), version)
    assert (document["kind"], document["apiVersion"]) == ("APIGroupDiscoveryList", f"apidiscovery.k8s.io/{version}")
    apps = document["items"][0]
    assert apps["metadata"] == {"name": "apps"}
    assert apps["versions"][0]["freshness"] == "Current"
    (deployments,) = [each for each in apps["versions"][0]["resources"] if each["resource"] == "deployments"]
    assert deployments == {
        "resource": "deployments",
        "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "scope": "Namespaced",
        "singularResource": "deployment",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["deploy"],
        "categories": ["all"],
        "subresources": [
            {
                "subresource": "scale",
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
                "verbs": ["get", "patch", "update"],
            },
            {
                "subresource": "status",
                "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "verbs": ["get", "patch", "update"],
            },
        ],
    }


def test_aggregated_core():
    (core,) = discovery.aggregated([discovery.CORE])["items"]
    assert core["metadata"] == {}
    nodes = next(item for item in core["versions"][0]["resources"] if item["resource"] == "nodes")
    assert nodes["scope"] == "Cluster"


def test_both_forms_name_every_resource():
    aggregated = {
        (item["metadata"].get("name", ""), version["version"], resource["resource"])
        for item in discovery.aggregated([discovery.CORE, *discovery.groups()])["items"]
        for version in item["versions"]
        for resource in version["resources"]
    }
    assert aggregated == {(resource.group, resource.version, resource.plural) for resource in RESOURCES}
