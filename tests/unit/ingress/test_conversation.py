"""What the proxy is told, and in which order (delta xDS)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from cluster.pb import xds_pb2 as pb
from ingress.xds.conversation import Conversation
from ingress.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, Resource, Snapshot


def resources(**contents: str) -> dict[str, Resource]:
    return {name: Resource(name, text, text.encode()) for name, text in contents.items()}


def snapshot(clusters: dict[str, Resource], endpoints: dict[str, Resource], routes: str) -> Snapshot:
    return {
        SECRET: resources(cert="1"),
        CLUSTER: clusters,
        ENDPOINTS: endpoints,
        LISTENER: resources(http="1"),
        ROUTES: resources(http=routes),
    }


FIRST = snapshot(resources(a="1"), resources(a="1"), "to a")


class Proxy:
    """Envoy as the conversation sees it: asks for what it is referred to, and keeps a record of what it was told."""

    def __init__(self, **known: dict[str, str]) -> None:
        self.conversation = Conversation()
        self.told: list[tuple[str, list[str], list[str]]] = []
        self.refuses: set[str] = set()
        self._asked: set[str] = set()
        versions = {"cluster": CLUSTER, "endpoints": ENDPOINTS, "listener": LISTENER, "routes": ROUTES}
        self._known = {versions[kind]: found for kind, found in known.items()}
        for type_url in (CLUSTER, LISTENER):
            self.ask(type_url)

    def ask(self, type_url: str, names: Iterable[str] = ()) -> None:
        known = self._known.pop(type_url, {})
        request = pb.DeltaDiscoveryRequest(
            type_url=type_url, resource_names_subscribe=names, initial_resource_versions=known
        )
        self.conversation.receive(request)

    def forget(self, type_url: str, name: str) -> None:
        self.conversation.receive(pb.DeltaDiscoveryRequest(type_url=type_url, resource_names_unsubscribe=[name]))

    def follow(self, state: Snapshot) -> None:
        """Be told everything, acknowledging each."""
        while (response := self.conversation.advance(state)) is not None:
            names = [each.name for each in response.resources]
            self.told.append((response.type_url, names, list(response.removed_resources)))
            self.answer(response)
            if response.type_url == CLUSTER and names:
                self.ask(ENDPOINTS, names)
            if response.type_url == LISTENER and names and "routes" not in self._asked:
                self._asked.add("routes")
                self.ask(ROUTES, ["http"])
                self.ask(SECRET, ["cert"])

    def answer(self, response: pb.DeltaDiscoveryResponse) -> str:
        request = pb.DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if response.type_url in self.refuses:
            request.error_detail.message = "no"
        return self.conversation.receive(request)


def test_everything_is_told_once_in_order() -> None:
    proxy = Proxy()
    proxy.follow(FIRST)
    assert proxy.told == [
        (CLUSTER, ["a"], []),
        (ENDPOINTS, ["a"], []),
        (LISTENER, ["http"], []),
        (SECRET, ["cert"], []),
        (ROUTES, ["http"], []),
    ]
    assert proxy.conversation.settled(FIRST)
    assert proxy.conversation.advance(FIRST) is None


def test_routes_wait_until_their_clusters_have_endpoints_and_old_clusters_go_last() -> None:
    proxy = Proxy()
    proxy.follow(FIRST)
    proxy.told.clear()
    proxy.follow(snapshot(resources(b="1"), resources(b="1"), "to b"))
    assert proxy.told == [
        (CLUSTER, ["b"], []),
        (ENDPOINTS, ["b"], []),
        (ROUTES, ["http"], []),
        (CLUSTER, [], ["a"]),
    ]


def test_a_change_of_endpoints_is_all_that_is_told() -> None:
    proxy = Proxy()
    proxy.follow(FIRST)
    proxy.told.clear()
    proxy.follow(snapshot(resources(a="1"), resources(a="2"), "to a"))
    assert proxy.told == [(ENDPOINTS, ["a"], [])]


def test_a_proxy_that_comes_back_is_told_what_is_new_only() -> None:
    proxy = Proxy(cluster={"a": "1", "old": "1"}, endpoints={"a": "1"}, listener={"http": "1"}, routes={"http": "to a"})
    proxy.ask(ENDPOINTS, ["a"])
    proxy.ask(ROUTES, ["http"])
    proxy.follow(FIRST)
    told = [each for each in proxy.told if each[1] or each[2]]
    assert told == [(CLUSTER, [], ["old"])]


def test_one_response_of_a_type_is_on_its_way_at_a_time() -> None:
    proxy = Proxy()
    first = proxy.conversation.advance(FIRST)
    assert first is not None
    assert first.type_url == CLUSTER
    assert proxy.conversation.advance(FIRST) is None
    proxy.answer(first)
    proxy.ask(ENDPOINTS, ["a"])
    second = proxy.conversation.advance(FIRST)
    assert second is not None
    assert second.type_url == ENDPOINTS


def test_what_is_refused_is_said_once_and_does_not_hold_up_the_rest() -> None:
    proxy = Proxy()
    proxy.refuses.add(CLUSTER)
    response = proxy.conversation.advance(FIRST)
    assert response is not None
    assert proxy.answer(response) == "no"
    proxy.follow(FIRST)
    assert [type_url for type_url, _, _ in proxy.told].count(CLUSTER) == 0
    assert (ROUTES, ["http"], []) in proxy.told


def test_a_changed_cluster_is_given_its_endpoints_again() -> None:
    proxy = Proxy()
    proxy.follow(FIRST)
    proxy.told.clear()
    proxy.follow(snapshot(resources(a="2"), resources(a="1"), "to a"))
    assert [each[:2] for each in proxy.told][:2] == [(CLUSTER, ["a"]), (ENDPOINTS, ["a"])]


def test_what_it_no_longer_asks_for_it_is_not_told() -> None:
    proxy = Proxy()
    proxy.follow(FIRST)
    proxy.told.clear()
    proxy.forget(SECRET, "cert")
    proxy.follow({**FIRST, SECRET: resources(cert="2")})
    assert proxy.told == []


@pytest.mark.parametrize("type_url", [CLUSTER, LISTENER])
def test_the_first_answer_comes_even_when_there_is_nothing(type_url: str) -> None:
    proxy = Proxy()
    proxy.follow({})
    assert (type_url, [], []) in proxy.told
