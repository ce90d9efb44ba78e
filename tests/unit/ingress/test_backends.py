"""Which endpoints a backend's requests go to."""

from __future__ import annotations

from ingress.backends import endpoints
from ingress.model import Backend, Protocol
from tests.support.services import endpoint, endpoint_slice

WEB = Backend("default", "web", 80, "", Protocol.HTTP)
ENDING = {"ready": False, "serving": True, "terminating": True}
READY = {"ready": True, "serving": True, "terminating": False}


def test_ready_endpoints_have_the_requests() -> None:
    slices = [
        endpoint_slice(endpoint("10.0.0.2", conditions=READY), endpoint("10.0.0.1")),
        endpoint_slice(endpoint("10.0.0.3", conditions={"ready": False}), endpoint("10.0.0.4", conditions=ENDING)),
    ]
    assert endpoints(WEB, slices) == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]


def test_those_that_end_have_them_when_there_are_no_others() -> None:
    gone = {"ready": False, "serving": False, "terminating": True}
    ending, dead = endpoint("10.0.0.4", conditions=ENDING), endpoint("10.0.0.5", conditions=gone)
    assert endpoints(WEB, [endpoint_slice(ending, dead)]) == [("10.0.0.4", 8080)]


def test_ports_are_those_of_the_services_port() -> None:
    ports = [{"name": "http", "port": 8080}, {"name": "admin", "port": 9090}]
    backend = Backend("default", "web", 81, "admin", Protocol.HTTP)
    assert endpoints(backend, [endpoint_slice("10.0.0.1", ports=ports)]) == [("10.0.0.1", 9090)]


def test_names_are_not_addresses() -> None:
    assert endpoints(WEB, [endpoint_slice("example.com", address_type="FQDN")]) == []


def test_one_family_is_enough_of_a_pod_that_has_both() -> None:
    both = [endpoint_slice("fd00::1", address_type="IPv6"), endpoint_slice("10.0.0.1")]
    assert endpoints(WEB, both) == [("10.0.0.1", 8080)]
    assert endpoints(WEB, both[:1]) == [("fd00::1", 8080)]
