"""OpenAPI documents: what kubectl, Helm and client generators look for in them."""

import json
import re

import pytest

from api import openapi
from api.scheme import RESOURCES
from api.types.reflection import schema_name

V2 = json.loads(openapi.v2())
INDEX = json.loads(openapi.v3_index())["paths"]
V3 = {place: json.loads(openapi.v3(place)) for place in INDEX}
METHODS = {"get", "put", "post", "delete", "patch"}


def kind(group, version, name):
    return {"group": group, "version": version, "kind": name}


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


@pytest.mark.parametrize("document", [V2, *V3.values()], ids=["v2", *V3])
def test_no_reference_dangles(document):
    for reference in set(references(document)):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


@pytest.mark.parametrize("document", [V2, *V3.values()], ids=["v2", *V3])
def test_operation_ids_are_unique(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("document", [V2, *V3.values()], ids=["v2", *V3])
def test_every_variable_of_a_path_is_a_parameter(document):
    for path, item in document["paths"].items():
        declared = {parameter["name"] for parameter in item["parameters"] if parameter["in"] == "path"}
        assert set(re.findall(r"{(\w+)}", path)) == declared


def test_every_resource_has_its_paths():
    for resource in RESOURCES:
        prefix = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
        scope = "/namespaces/{namespace}" if resource.namespaced else ""
        assert f"{prefix}{scope}/{resource.plural}" in V2["paths"]
        for subresource in resource.subresources:
            assert f"{prefix}{scope}/{resource.plural}/{{name}}/{subresource.name}" in V2["paths"]


def test_index_addresses_change_with_the_content():
    for place, location in INDEX.items():
        assert re.fullmatch(rf"/openapi/v3/{re.escape(place)}\?hash=[0-9A-F]{{128}}", location["serverRelativeURL"])
    assert {"api/v1", "apis/apps/v1", "apis/rbac.authorization.k8s.io/v1"} <= set(INDEX)


def test_unknown_group_versions():
    with pytest.raises(KeyError):
        openapi.v3("apis/apps/v2")


@pytest.mark.parametrize(
    "resource", [item for item in RESOURCES if "patch" in item.verbs], ids=lambda item: item.plural
)
def test_patching_offers_field_validation(resource):
    """kubectl validates on the server only if it finds this parameter on a PATCH of the kind."""
    place = f"apis/{resource.api_version}" if resource.group else "api/v1"
    wanted = kind(resource.group, resource.version, resource.kind)
    for document in (V2, V3[place]):
        patches = [
            operation
            for _, method, operation in operations(document)
            if method == "patch" and operation["x-kubernetes-group-version-kind"] == wanted
        ]
        assert patches
        for operation in patches:
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert {"fieldValidation", "dryRun", "fieldManager", "force"} <= names


OPERATIONS = [
    ("/api/v1/namespaces/{namespace}/pods", "get", "listCoreV1NamespacedPod", "list", kind("", "v1", "Pod")),
    ("/api/v1/pods", "get", "listCoreV1PodForAllNamespaces", "list", kind("", "v1", "Pod")),
    ("/api/v1/namespaces/{namespace}/pods", "post", "createCoreV1NamespacedPod", "post", kind("", "v1", "Pod")),
    ("/api/v1/namespaces/{namespace}/pods", "delete", "deleteCoreV1CollectionNamespacedPod", "deletecollection",
     kind("", "v1", "Pod")),
    ("/api/v1/nodes/{name}", "get", "readCoreV1Node", "get", kind("", "v1", "Node")),
    ("/api/v1/namespaces/{namespace}/pods/{name}/exec", "get", "connectCoreV1GetNamespacedPodExec", "connect",
     kind("", "v1", "PodExecOptions")),
    ("/api/v1/namespaces/{namespace}/pods/{name}/log", "get", "readCoreV1NamespacedPodLog", "get",
     kind("", "v1", "Pod")),
    ("/api/v1/namespaces/{namespace}/pods/{name}/eviction", "post", "createCoreV1NamespacedPodEviction", "post",
     kind("policy", "v1", "Eviction")),
    ("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", "patch", "patchAppsV1NamespacedDeploymentScale",
     "patch", kind("autoscaling", "v1", "Scale")),
    ("/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "put", "replaceAppsV1NamespacedDeployment", "put",
     kind("apps", "v1", "Deployment")),
    ("/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}", "delete", "deleteRbacAuthorizationV1ClusterRole",
     "delete", kind("rbac.authorization.k8s.io", "v1", "ClusterRole")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "method", "operation_id", "action", "about"), OPERATIONS)
def test_operations_are_named_as_upstream(path, method, operation_id, action, about):
    place = "/".join(path.split("/")[1 : 3 if path.startswith("/api/") else 4])
    for document in (V2, V3[place]):
        operation = document["paths"][path][method]
        assert operation["operationId"] == operation_id
        assert operation["x-kubernetes-action"] == action
        assert operation["x-kubernetes-group-version-kind"] == about


def test_patch_bodies_list_the_patch_types():
    path = "/api/v1/namespaces/{namespace}/pods/{name}"
    types = ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
             "application/apply-patch+yaml"]  # fmt: skip
    assert V2["paths"][path]["patch"]["consumes"] == types
    assert list(V3["api/v1"]["paths"][path]["patch"]["requestBody"]["content"]) == types


def test_definitions():
    definitions = V2["definitions"]
    pod = definitions["io.k8s.api.core.v1.Pod"]
    assert pod["x-kubernetes-group-version-kind"] == [kind("", "v1", "Pod")]
    assert pod["properties"]["metadata"] == {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
    assert definitions["io.k8s.api.core.v1.PodList"]["x-kubernetes-group-version-kind"] == [kind("", "v1", "PodList")]
    spec = definitions["io.k8s.api.core.v1.PodSpec"]
    assert "containers" in spec["required"]
    containers = dict(spec["properties"]["containers"])
    assert containers == {
        "type": "array",
        "items": {"$ref": "#/definitions/io.k8s.api.core.v1.Container"},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": "name",
    }
    assert definitions["io.k8s.api.core.v1.Secret"]["properties"]["data"] == {
        "type": "object",
        "additionalProperties": {"type": "string", "format": "byte"},
    }
    limits = definitions["io.k8s.api.core.v1.ResourceRequirements"]["properties"]["limits"]
    assert limits["additionalProperties"] == {"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"}
    assert definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"
    delete_options = definitions["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]
    assert kind("apps", "v1", "DeleteOptions") in delete_options["x-kubernetes-group-version-kind"]


def test_v3_wraps_references_so_that_they_can_have_siblings():
    schemas = V3["apis/apps/v1"]["components"]["schemas"]
    assert schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"] == {
        "allOf": [{"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy"}],
        "x-kubernetes-patch-strategy": "retainKeys",
    }
    assert "io.k8s.api.core.v1.PodSpec" in schemas
    assert "io.k8s.api.core.v1.Node" not in schemas


def test_every_kind_of_the_scheme_is_defined():
    for resource in RESOURCES:
        name = schema_name(resource.record)
        assert (
            kind(resource.group, resource.version, resource.kind)
            in V2["definitions"][name]["x-kubernetes-group-version-kind"]
        )
