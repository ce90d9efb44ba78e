from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from controllers.endpoints.slices import MAX_ENDPOINTS, TRIGGER_TIME_ANNOTATION, plan
from controllers.endpoints.trigger_time import TriggerTimes
from tests.support.objects import node, pod, service, uid

STAMP = "2024-05-01T12:00:00Z"


def backend(number, *, ready=True, meta=None, ports=(), **spec):
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": STAMP}]
    ip = f"10.0.{number // 250}.{number % 250}"
    status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": conditions}
    containers = [{"name": "main", "ports": list(ports)}]
    return pod(f"p{number}", on="a", labels={"app": "web"}, status=status, meta=meta, containers=containers, **spec)


class Slices:
    """The slices of a service as the API server would hold them."""

    def __init__(self, **more):
        self.service = service("web", {"app": "web"}, **more)
        self.held = {}

    def apply(self, pods, nodes=None, stamp=STAMP):
        changes = plan(self.service, pods, nodes or {}, list(self.held.values()), stamp)
        for each in changes.delete:
            del self.held[each.metadata.name]
        for each in changes.update:
            self.held[each.metadata.name] = each
        for each in changes.create:
            name = f"web-{uid()}"
            self.held[name] = replace(each, metadata=replace(each.metadata, name=name))
        return changes

    @property
    def endpoints(self):
        return [endpoint for each in self.held.values() for endpoint in each.endpoints]


def test_a_ready_pod_is_shown_in_full():
    slices = Slices()
    slices.apply([backend(1)], {"a": node("a", labels={"topology.kubernetes.io/zone": "z"})})
    (held,) = slices.held.values()
    assert held.metadata.generate_name == "web-"
    assert held.metadata.labels["kubernetes.io/service-name"] == "web"
    assert held.metadata.labels["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
    assert held.metadata.annotations[TRIGGER_TIME_ANNOTATION] == STAMP
    assert (held.metadata.owner_references[0].kind, held.address_type) == ("Service", "IPv4")
    assert [(port.name, port.port, port.protocol) for port in held.ports] == [("", 8080, "TCP")]
    (endpoint,) = held.endpoints
    assert (endpoint.addresses, endpoint.node_name, endpoint.zone) == (["10.0.0.1"], "a", "z")
    assert (endpoint.target_ref.kind, endpoint.target_ref.name) == ("Pod", "p1")
    conditions = endpoint.conditions
    assert (conditions.ready, conditions.serving, conditions.terminating) == (True, True, False)


def conditions_of(pod, **more):
    slices = Slices(**more)
    slices.apply([pod])
    (endpoint,) = slices.endpoints
    return endpoint.conditions.ready, endpoint.conditions.serving, endpoint.conditions.terminating


def test_readiness_and_termination_show():
    going = {"deletionTimestamp": STAMP}
    assert conditions_of(backend(1, ready=False)) == (False, False, False)
    assert conditions_of(backend(1, meta=going)) == (False, True, True)
    assert conditions_of(backend(1, ready=False), publishNotReadyAddresses=True) == (True, False, False)


def test_finished_pods_and_pods_without_an_address_are_left_out():
    done = backend(1)
    done = replace(done, status=replace(done.status, phase="Failed"))
    bare = pod("bare", labels={"app": "web"}, on="a")
    slices = Slices()
    slices.apply([done, bare])
    assert slices.endpoints == []
    assert len(slices.held) == 1  # a service without endpoints still has its slice


def test_named_ports_are_looked_up_in_each_pod():
    target = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]
    one = backend(1, ports=[{"name": "web", "containerPort": 8000}])
    other = backend(2, ports=[{"name": "web", "containerPort": 9000}])
    slices = Slices(ports=target)
    slices.apply([one, other, backend(3)])
    ports = sorted([(port.name, port.port) for port in each.ports] for each in slices.held.values())
    assert ports == [[], [("http", 8000)], [("http", 9000)]]


def test_headless_services_say_so_and_publish_hostnames():
    slices = Slices(clusterIP="None", ports=[])
    slices.apply([backend(1, hostname="db-0", subdomain="web"), backend(2, hostname="x", subdomain="other")])
    (held,) = slices.held.values()
    assert held.metadata.labels["service.kubernetes.io/headless"] == ""
    assert held.ports == []
    assert [endpoint.hostname for endpoint in held.endpoints] == ["db-0", None]


def test_nothing_changes_when_nothing_changed():
    slices = Slices()
    pods = [backend(number) for number in range(5)]
    slices.apply(pods)
    assert slices.apply(pods, stamp="").empty


def test_a_changed_pod_changes_only_its_slice():
    slices = Slices()
    pods = [backend(number) for number in range(250)]
    slices.apply(pods)
    assert sorted(len(each.endpoints) for each in slices.held.values()) == [50, 100, 100]
    pods[0] = backend(0, ready=False, meta={"uid": pods[0].metadata.uid})
    changes = slices.apply(pods)
    assert (len(changes.create), len(changes.update), len(changes.delete)) == (0, 1, 0)


def test_new_pods_go_where_there_is_room():
    slices = Slices()
    pods = [backend(number) for number in range(150)]
    slices.apply(pods)
    changes = slices.apply([*pods, backend(200)])
    assert (len(changes.create), len(changes.update)) == (0, 1)
    changes = slices.apply([*pods, *(backend(200 + number) for number in range(60))])
    assert len(slices.endpoints) == 210


def test_the_last_pods_end_leaves_an_empty_slice():
    slices = Slices()
    slices.apply([backend(1)])
    changes = slices.apply([])
    assert (len(changes.update), len(changes.delete)) == (1, 0)
    assert slices.endpoints == []


def test_a_change_of_ports_rewrites_the_slice_in_place():
    slices = Slices()
    slices.apply([backend(1)])
    (name,) = slices.held
    port = replace(slices.service.spec.ports[0], target_port=9090)
    slices.service = replace(slices.service, spec=replace(slices.service.spec, ports=[port]))
    slices.apply([backend(1)])
    assert list(slices.held) == [name]
    assert slices.held[name].ports[0].port == 9090


def test_both_families_have_their_own_slices():
    status = {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "phase": "Running"}
    slices = Slices(ipFamilies=["IPv4", "IPv6"])
    slices.apply([pod("p", labels={"app": "web"}, on="a", status=status)])
    shown = {each.address_type: [e.addresses for e in each.endpoints] for each in slices.held.values()}
    assert shown == {"IPv4": [["10.0.0.1"]], "IPv6": [["fd00::1"]]}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 330)), max_size=6))
def test_slices_hold_exactly_the_pods_whatever_came_before(rounds):
    everyone = [backend(number) for number in range(331)]
    slices = Slices()
    for wanted in rounds:
        slices.apply([everyone[number] for number in sorted(wanted)])
        shown = [endpoint.target_ref.uid for endpoint in slices.endpoints]
        assert sorted(shown) == sorted(everyone[number].metadata.uid for number in wanted)
        assert all(len(each.endpoints) <= MAX_ENDPOINTS for each in slices.held.values())
        assert len(slices.held) >= 1
        assert slices.apply([everyone[number] for number in sorted(wanted)], stamp="").empty


def test_trigger_times_are_the_earliest_change_not_reported_yet():
    times, key, web = TriggerTimes(), ("default", "web"), service("web", {"app": "web"})
    first = backend(1)
    assert times.advance(key, web, [first]) == web.metadata.creation_timestamp
    assert times.advance(key, web, [first]) == ""
    assert times.advance(key, web, [first, backend(2)]) == STAMP


def hints_of(pod, distribution):
    slices = Slices(trafficDistribution=distribution) if distribution else Slices()
    slices.apply([pod], {"a": node("a", labels={"topology.kubernetes.io/zone": "z"})})
    hints = slices.endpoints[0].hints
    return hints and ([zone.name for zone in hints.for_zones], [each.name for each in hints.for_nodes])


def test_hints_say_where_endpoints_are_preferred():
    assert hints_of(backend(1), "") is None
    for distribution in ("PreferClose", "PreferSameZone"):
        assert hints_of(backend(1), distribution) == (["z"], [])
    assert hints_of(backend(1), "PreferSameNode") == (["z"], ["a"])
    # Who gets no traffic is preferred by nobody.
    assert hints_of(backend(1, ready=False), "PreferClose") is None
