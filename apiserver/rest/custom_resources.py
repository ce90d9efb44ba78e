"""The list of custom resource definitions: always empty, for this API server has none.

kubectl asks for it when a manifest's kind is unknown in a known group, and can tell people that there is no such
kind only if it gets an answer.
"""

from __future__ import annotations

from apiserver.rest.replies import Reply, document
from apiserver.rest.request_info import RequestInfo

_GROUP_VERSION = ("apiextensions.k8s.io", "v1")


def is_list(info: RequestInfo) -> bool:
    """Whether the request is for the list of custom resource definitions."""
    return (info.group, info.version) == _GROUP_VERSION and (info.resource, info.verb) == (
        "customresourcedefinitions",
        "list",
    )


def empty_list() -> Reply:
    return document(
        {
            "kind": "CustomResourceDefinitionList",
            "apiVersion": "/".join(_GROUP_VERSION),
            "metadata": {"resourceVersion": "1"},
            "items": [],
        }
    )
