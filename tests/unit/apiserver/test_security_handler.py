"""Nobody gets past the authorizer by where they say an object stands."""

from __future__ import annotations

import pytest

from api import scheme
from api.errors import StatusError
from apiserver.auth.user import User
from apiserver.handler import Handler
from apiserver.registry.registry import Registry
from apiserver.requests import Attributes, Decision, ListOptions, Result, WriteOptions
from apiserver.stored import Stored

EVE = User("eve")
OPTIONS = WriteOptions()
CLUSTER_SCOPED = ("nodes", "clusterroles", "clusterrolebindings", "namespaces")


class AdminOfOneNamespace:
    def authorize(self, attributes: Attributes) -> Decision:
        return Decision(attributes.namespace == "evil")


class Accepting(Registry):
    async def create(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        return Result(Stored(self.resource, namespace, name, 1, body), created=True)


def handler() -> Handler:
    resources = [scheme.find(plural) for plural in CLUSTER_SCOPED]
    return Handler({resource.group_resource: Accepting(resource) for resource in resources}, AdminOfOneNamespace())


@pytest.mark.parametrize("plural", CLUSTER_SCOPED)
async def test_rights_in_a_namespace_are_none_on_what_is_in_no_namespace(plural: str) -> None:
    resource = scheme.find(plural)
    with pytest.raises(StatusError) as refused:
        await handler().create(EVE, resource, "evil", "n", "", b"{}", OPTIONS)
    assert refused.value.code in (403, 404)
    with pytest.raises(StatusError) as refused:
        await handler().list(EVE, resource, "evil", ListOptions())
    assert refused.value.code in (403, 404)
