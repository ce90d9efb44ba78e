"""What a change leads to: one resource told anew, or the table; certificates that can be used, and what is told."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from api import codec
from api.types import GatewayClass, Ingress, IngressClass, Namespace, Secret
from cluster import pki
from ingress.gateway.reports import Reports
from ingress.model import Key, Problem
from ingress.publisher import Publisher
from ingress.sources import Sources, service_of
from ingress.xds.listeners import Bind
from ingress.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Snapshot
from tests.support import gateways as support
from tests.support.ingresses import ingress, path, rule
from tests.support.services import endpoint_slice, service

BIND = Bind(("127.0.0.1", 80), ("127.0.0.1", 443), "")


class Store:
    """An informer without a server: what is put there is handed to the handlers."""

    def __init__(self) -> None:
        self._objects: dict[Key, Any] = {}
        self._handlers: list[Callable[[Any, Any], None]] = []

    def add_handler(self, handler: Callable[[Any, Any], None]) -> None:
        self._handlers.append(handler)

    def put(self, item: Any) -> None:
        key = (item.metadata.namespace, item.metadata.name)
        old = self._objects.get(key)
        self._objects[key] = item
        self._tell(old, item)

    def remove(self, namespace: str, name: str) -> None:
        self._tell(self._objects.pop((namespace, name)), None)

    def _tell(self, old: Any, new: Any) -> None:
        for handler in self._handlers:
            handler(old, new)

    def get(self, namespace: str, name: str) -> Any:
        return self._objects.get((namespace, name))

    def items(self) -> list[Any]:
        return list(self._objects.values())

    def by_index(self, index: str, key: Key) -> list[Any]:
        return [each for each in self._objects.values() if key in service_of(each)]


class World:
    def __init__(self) -> None:
        self.ingresses, self.classes, self.services, self.slices, self.secrets = (Store() for _ in range(5))
        self.gateway_classes, self.gateways, self.routes, self.grants, self.namespaces = (Store() for _ in range(5))
        self.published: list[Snapshot] = []
        self.told: dict[Key, list[Problem]] = {}
        self.reports = Reports()
        stores = (self.ingresses, self.classes, self.services, self.slices, self.secrets)
        gateway_stores = (self.gateway_classes, self.gateways, self.routes, self.grants, self.namespaces)
        self.publisher = Publisher(
            Sources(*stores, *gateway_stores),  # type: ignore[arg-type]
            BIND,
            None,
            self.published.append,
            lambda problems: self.told.update(problems),
            lambda reports: setattr(self, "reports", reports),
        )
        self.classes.put(a_class("podling", "podling.io/ingress"))
        self.services.put(service())
        self.slices.put(endpoint_slice("10.0.0.1"))
        self.publisher.sync()

    @property
    def snapshot(self) -> Snapshot:
        self.publisher.sync()
        return self.published[-1]

    def versions(self) -> dict[tuple[str, str], str]:
        return {
            (type_url, name): each.version for type_url, found in self.snapshot.items() for name, each in found.items()
        }


def a_class(name: str, controller: str) -> IngressClass:
    return codec.from_tree(IngressClass, {"metadata": {"name": name}, "spec": {"controller": controller}})


@pytest.fixture
def world() -> World:
    return World()


def changed(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> set[str]:
    """The types of which a resource came, went or changed."""
    return {key[0] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_an_ingress_of_another_class_is_not_ours(world: World) -> None:
    world.classes.put(a_class("other", "example.com/controller"))
    for name in ("other", "missing"):
        world.ingresses.put(ingress(rule("h", path("/", "web")), name=name, ingressClassName=name))
    assert world.snapshot[CLUSTER] == {}
    world.classes.put(a_class("missing", "podling.io/ingress"))
    assert list(world.snapshot[CLUSTER]) == ["default/web/80/http"]


def test_a_change_of_endpoints_changes_nothing_else(world: World) -> None:
    world.ingresses.put(ingress(rule("h", path("/", "web"))))
    before = world.versions()
    world.slices.put(endpoint_slice("10.0.0.1", "10.0.0.2"))
    assert changed(before, world.versions()) == {ENDPOINTS}
    world.slices.remove("default", "web-1")
    assert b"10.0.0" not in world.snapshot[ENDPOINTS]["default/web/80/http"].body


def test_a_service_that_appears_is_routed_to(world: World) -> None:
    world.ingresses.put(ingress(rule("h", path("/", "late"))))
    assert world.snapshot[CLUSTER] == {}
    assert [problem.reason for problem in world.told["default", "web"]] == ["ServiceNotFound"]
    world.services.put(service("late"))
    assert list(world.snapshot[CLUSTER]) == ["default/late/80/http"]
    assert world.told["default", "web"] == []


def secret(directory: Path, key_of: str = "a", name: str = "cert") -> Secret:
    """A TLS Secret; `key_of` another name has the wrong key."""
    authority = pki.create_authority(directory, "ca", "ca", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    for each in ("a", "b"):
        pki.issue(authority, directory, each, each, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), sans=[each])
    data = {"tls.crt": directory / "a.crt", "tls.key": directory / f"{key_of}.key"}
    tree = {
        "metadata": {"name": name, "namespace": "default"},
        "type": "kubernetes.io/tls",
        "data": {field: base64.b64encode(file.read_bytes()).decode() for field, file in data.items()},
    }
    return codec.from_tree(Secret, tree)


def test_a_certificate_comes_goes_and_changes(world: World, tmp_path: Path) -> None:
    world.ingresses.put(ingress(rule("h", path("/", "web")), tls=[{"hosts": ["h"], "secretName": "cert"}]))
    assert world.snapshot[SECRET] == {}
    assert [problem.reason for problem in world.told["default", "web"]] == ["SecretNotFound"]
    world.secrets.put(secret(tmp_path))
    before = world.versions()
    assert (SECRET, "default/cert") in before
    assert world.told["default", "web"] == []
    (tmp_path / "again").mkdir()
    world.secrets.put(secret(tmp_path / "again"))
    assert changed(before, world.versions()) == {SECRET}
    world.secrets.remove("default", "cert")
    assert changed(before, world.versions()) == {SECRET, LISTENER}


@pytest.mark.parametrize("broken", ["another key", "no certificate"])
def test_a_broken_certificate_is_told_and_never_sent(world: World, tmp_path: Path, broken: str) -> None:
    made = secret(tmp_path, key_of="b")
    if broken == "no certificate":
        made = codec.from_tree(Secret, {**codec.to_tree(made), "data": {"tls.crt": "Zm9v", "tls.key": "YmFy"}})
    world.secrets.put(made)
    world.ingresses.put(ingress(rule("h", path("/", "web")), tls=[{"hosts": ["h"], "secretName": "cert"}]))
    assert world.snapshot[SECRET] == {}
    assert [problem.reason for problem in world.told["default", "web"]] == ["InvalidCertificate"]


def test_services_and_secrets_nobody_asks_for_change_nothing(world: World, tmp_path: Path) -> None:
    world.ingresses.put(ingress(rule("h", path("/", "web"))))
    before = world.versions()
    world.services.put(service("elsewhere"))
    world.secrets.put(secret(tmp_path, name="unused"))
    world.slices.put(endpoint_slice("10.9.9.9", name="x", service="elsewhere"))
    assert world.versions() == before


def test_a_status_changes_nothing(world: World) -> None:
    made = ingress(rule("h", path("/", "web")))
    world.ingresses.put(made)
    world.publisher.sync()
    world.told.clear()
    tree = {**codec.to_tree(made), "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}
    world.ingresses.put(codec.from_tree(Ingress, tree))
    world.publisher.sync()
    assert world.told == {}


def test_deleting_the_ingress_takes_everything_back(world: World) -> None:
    before = world.versions()
    world.ingresses.put(ingress(rule("h", path("/", "web"))))
    assert changed(before, world.versions()) == {CLUSTER, ENDPOINTS, ROUTES}
    world.ingresses.remove("default", "web")
    assert world.versions() == before


def gateway_world(world: World, tmp_path: Path) -> None:
    """A Gateway for HTTP and HTTPS with a route, all there."""
    tree = {"metadata": {"name": "podling"}, "spec": {"controllerName": "podling.io/ingress"}}
    world.gateway_classes.put(codec.from_tree(GatewayClass, tree))
    world.secrets.put(secret(tmp_path))
    listeners = (support.listener(port=8080), support.listener("https", 443, "HTTPS", **support.secure("cert")))
    world.gateways.put(support.a_gateway(*listeners))
    world.routes.put(support.a_route())


def attached(world: World) -> list[tuple[int, bool]]:
    """Of each listener, how many routes it has and whether its references are there."""
    world.publisher.sync()
    listeners = world.reports.gateways["default", "g"].listeners
    return [(each.attached, all(v.holds for v in each.verdicts if v.type == "ResolvedRefs")) for each in listeners]


def test_a_gateway_has_its_own_listeners_and_shares_those_of_ingresses(world: World, tmp_path: Path) -> None:
    before = world.versions()
    gateway_world(world, tmp_path)
    assert changed(before, world.versions()) == {SECRET, CLUSTER, ENDPOINTS, LISTENER, ROUTES}
    assert list(world.snapshot[LISTENER]) == ["http", "https", "http-8080"]
    assert list(world.snapshot[ROUTES]) == ["http", "https", "http-8080"]
    assert attached(world) == [(1, True), (1, True)]


def test_gateways_follow_what_they_refer_to(world: World, tmp_path: Path) -> None:
    gateway_world(world, tmp_path)
    world.publisher.sync()
    world.secrets.remove("default", "cert")
    assert attached(world) == [(1, True), (1, False)]
    world.services.remove("default", "web")
    assert world.snapshot[CLUSTER] == {}
    world.services.put(service())
    assert list(world.snapshot[CLUSTER]) == ["default/web/80/http"]
    world.routes.remove("default", "r")
    assert attached(world) == [(0, True), (0, False)]
    world.gateway_classes.remove("", "podling")
    assert list(world.snapshot[LISTENER]) == ["http"]
    assert world.reports.gateways == {}


def test_a_namespaces_labels_let_its_routes_in(world: World, tmp_path: Path) -> None:
    gateway_world(world, tmp_path)
    selector = {"selector": {"matchLabels": {"team": "a"}}}
    world.gateways.put(support.a_gateway(support.listener(**support.allowed("Selector", **selector))))
    assert attached(world) == [(0, True)]
    tree = {"metadata": {"name": "default", "labels": {"team": "a"}}}
    world.namespaces.put(codec.from_tree(Namespace, tree))
    assert attached(world) == [(1, True)]


def test_a_gateways_status_changes_nothing(world: World, tmp_path: Path) -> None:
    gateway_world(world, tmp_path)
    world.publisher.sync()
    world.reports = Reports()
    gateway = world.gateways.get("default", "g")
    world.gateways.put(replace(gateway, status=replace(gateway.status, conditions=[])))
    world.publisher.sync()
    assert world.reports == Reports()
