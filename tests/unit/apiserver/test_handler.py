"""The entrance: what is asked of the authorizer, and how refusals read."""

from __future__ import annotations

import pytest

from api import scheme
from api.errors import BadRequest, Forbidden, NotFound, StatusError
from apiserver.auth.user import User
from apiserver.handler import Handler
from apiserver.registry.registry import Registry
from apiserver.requests import Attributes, Decision, ListOptions, Result, WriteOptions
from apiserver.stored import Stored

JANE = User("jane")
PODS = scheme.find("pods")
LEASES = scheme.find("leases")
OPTIONS = WriteOptions()


class Recorder:
    """An authorizer that remembers, and allows some verbs."""

    def __init__(self, *verbs: str) -> None:
        self.verbs = verbs
        self.asked: list[Attributes] = []

    def authorize(self, attributes: Attributes) -> Decision:
        self.asked.append(attributes)
        return Decision(attributes.verb in self.verbs, "because")


class Absent(Registry):
    """Nothing is there; everything can be created."""

    async def update(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        raise NotFound(self.resource.group_resource, name)

    async def create(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        return Result(Stored(self.resource, namespace, name, 1, body), created=True)


def handler(authorizer: Recorder, *, creates_on_update: bool = False) -> Handler:
    registries: dict[str, Registry] = {}
    for resource in (PODS, LEASES, scheme.find("namespaces")):
        registry = registries[resource.group_resource] = Absent(resource)
        registry.creates_on_update = creates_on_update
    return Handler(registries, authorizer)


async def test_a_refusal_in_upstreams_words() -> None:
    with pytest.raises(Forbidden) as refused:
        await handler(Recorder()).list(JANE, LEASES, "", ListOptions())
    assert refused.value.message == (
        'leases.coordination.k8s.io is forbidden: User "jane" cannot list resource "leases" '
        'in API group "coordination.k8s.io" at the cluster scope: because'
    )
    with pytest.raises(Forbidden) as refused:
        await handler(Recorder()).create(JANE, PODS, "default", "p", "exec", b"", OPTIONS)
    assert refused.value.message == (
        'pods "p" is forbidden: User "jane" cannot create resource "pods/exec" '
        'in API group "" in the namespace "default": because'
    )
    with pytest.raises(Forbidden) as refused:
        handler(Recorder()).authorize(Attributes(JANE, "get", path="/metrics"))
    assert refused.value.message == 'forbidden: User "jane" cannot get path "/metrics": because'


async def test_a_namespace_is_asked_about_inside_itself() -> None:
    authorizer = Recorder()
    with pytest.raises(Forbidden):
        await handler(authorizer).get(JANE, scheme.find("namespaces"), "", "web")
    assert (authorizer.asked[0].namespace, authorizer.asked[0].name) == ("web", "web")


async def test_a_list_of_one_name_is_asked_about_by_name() -> None:
    authorizer = Recorder()
    for selector, name in (
        ("metadata.name=a", "a"),
        ("spec.nodeName=n,metadata.name==b", "b"),
        ("metadata.name!=c", ""),
        ("xmetadata.name=d", ""),
    ):
        with pytest.raises(Forbidden):
            await handler(authorizer).list(JANE, PODS, "default", ListOptions(field_selector=selector))
        assert authorizer.asked[-1].name == name


async def test_creating_by_update_needs_the_right_to_create() -> None:
    with pytest.raises(Forbidden, match="cannot create resource"):
        await handler(Recorder("update"), creates_on_update=True).update(
            JANE, LEASES, "default", "l", "", b"{}", OPTIONS
        )
    allowed = handler(Recorder("update", "create"), creates_on_update=True)
    assert (await allowed.update(JANE, LEASES, "default", "l", "", b"{}", OPTIONS)).created
    with pytest.raises(NotFound):
        await allowed.update(JANE, LEASES, "default", "l", "status", b"{}", OPTIONS)
    with pytest.raises(NotFound):
        await handler(Recorder("update", "create")).update(JANE, LEASES, "default", "l", "", b"{}", OPTIONS)


@pytest.mark.parametrize("name", ["a/b", "..", "a%2fb"])
async def test_names_do_not_lead_elsewhere(name: str) -> None:
    with pytest.raises(BadRequest, match="parameter invalid"):
        await handler(Recorder("get")).get(JANE, PODS, "default", name)
    with pytest.raises(BadRequest, match="parameter invalid"):
        await handler(Recorder("get")).get(JANE, PODS, name, "p")


async def test_what_a_kind_cannot_do_is_405_and_unknown_kinds_404() -> None:
    with pytest.raises(StatusError) as refused:
        await handler(Recorder("delete")).delete(JANE, PODS, "default", "p", b"", OPTIONS)
    assert refused.value.code == 405
    with pytest.raises(StatusError) as unknown:
        await handler(Recorder("get")).get(JANE, scheme.find("secrets"), "default", "s")
    assert unknown.value.code == 404
