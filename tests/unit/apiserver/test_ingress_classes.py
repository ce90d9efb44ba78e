"""The class an Ingress gets when it names none, and what counts as a change of it."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, scheme
from api.types import Ingress, IngressClass
from apiserver.admission.chain import CREATE, Request
from apiserver.admission.ingress_classes import DefaultIngressClass
from apiserver.auth.user import User
from apiserver.registry.strategies.networking import IngressStrategy
from apiserver.requests import WriteOptions
from apiserver.storage.cache import ResourceCache
from apiserver.stored import Stored

INGRESSES = scheme.find("ingresses")


class Reader:
    """A reader whose cache holds some classes and is always fresh."""

    def __init__(self, *classes: IngressClass) -> None:
        resource = scheme.find("ingressclasses")
        self.cache = ResourceCache(resource)
        stored = [
            Stored(resource, "", each.metadata.name, 5, codec.with_resource_version(codec.encode(each), 5))
            for each in classes
        ]
        self.cache.load(stored, 10)

    async def fresh(self, revision: int | None) -> None:
        return None


def a_class(name: str, minute: int, default: str = "true") -> IngressClass:
    annotations = {"ingressclass.kubernetes.io/is-default-class": default}
    metadata = {"name": name, "creationTimestamp": f"2026-01-01T00:{minute:02}:00Z", "annotations": annotations}
    return codec.from_tree(IngressClass, {"metadata": metadata, "spec": {"controller": "a.b/c"}})


def ingress(annotations: dict[str, str] | None = None, **spec: Any) -> Ingress:
    metadata = {"name": "it", "namespace": "d", "annotations": annotations or {}}
    return codec.from_tree(Ingress, {"metadata": metadata, "spec": spec})


async def class_of(new: Ingress, *classes: IngressClass) -> str | None:
    request = Request(User("jane"), CREATE, INGRESSES, "", "d", "it", new, None, WriteOptions())
    plugin = DefaultIngressClass(Reader(*classes))  # type: ignore[arg-type]
    return (await plugin.create(request)).spec.ingress_class_name


@pytest.mark.parametrize(
    ("classes", "chosen"),
    [
        ([], None),
        ([a_class("a", 1, "false")], None),
        ([a_class("a", 1), a_class("b", 2, "no")], "a"),
        # Upstream: the newest of several, of equally new ones the first by name.
        ([a_class("a", 1), a_class("b", 2)], "b"),
        ([a_class("b", 2), a_class("a", 2)], "a"),
    ],
)
async def test_the_default_class_is_filled_in(classes: list[IngressClass], chosen: str | None) -> None:
    assert await class_of(ingress(), *classes) == chosen


async def test_a_class_that_was_named_is_kept() -> None:
    assert await class_of(ingress(ingressClassName=""), a_class("a", 1)) == ""
    assert await class_of(ingress({"kubernetes.io/ingress.class": "old"}), a_class("a", 1)) is None


def test_generation_counts_changes_of_the_spec_and_status_is_kept_apart() -> None:
    strategy = IngressStrategy(INGRESSES)
    tree = {"metadata": {"name": "it"}, "status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}}
    created = strategy.prepare_create(codec.from_tree(Ingress, tree))
    assert created.metadata.generation == 1
    assert created.status.load_balancer.ingress == []
    changed = codec.from_tree(Ingress, {**tree, "spec": {"ingressClassName": "x"}})
    updated = strategy.prepare_update(changed, created)
    assert updated.metadata.generation == 2
    assert updated.status == created.status
    written = strategy.prepare_status(changed, created)
    assert written.spec == created.spec
    assert written.status == changed.status
