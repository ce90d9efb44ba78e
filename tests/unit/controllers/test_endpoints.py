from msgspec.structs import replace

from api import codec
from api.types import Endpoints
from controllers.endpoints import mirroring, subsets
from tests.support.objects import metadata, pod, service

STAMP = "2024-05-01T12:00:00Z"


def backend(number, *, ready=True, meta=None):
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": STAMP}]
    status = {"phase": "Running", "podIP": f"10.0.0.{number}", "conditions": conditions}
    return pod(f"p{number}", on="a", labels={"app": "web"}, status=status, meta=meta)


def shown(endpoints):
    return [
        (
            [address.ip for address in subset.addresses],
            [address.ip for address in subset.not_ready_addresses],
            [port.port for port in subset.ports],
        )
        for subset in endpoints.subsets
    ]


def test_ready_and_unready_addresses_share_a_subset_in_order():
    web = service("web", {"app": "web"})
    made = subsets.plan(web, [backend(2), backend(1), backend(3, ready=False)], None, STAMP)
    assert shown(made) == [(["10.0.0.1", "10.0.0.2"], ["10.0.0.3"], [8080])]
    assert made.metadata.name == "web"
    assert made.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] == STAMP
    assert made.subsets[0].addresses[0].target_ref.name == "p1"


def test_terminating_pods_are_left_out_unless_unready_ones_are_published():
    going = backend(1, meta={"deletionTimestamp": STAMP})
    assert shown(subsets.plan(service("web", {"app": "web"}), [going], None, "")) == []
    tolerant = service("web", {"app": "web"}, publishNotReadyAddresses=True)
    assert shown(subsets.plan(tolerant, [going, backend(2, ready=False)], None, "")) == [
        (["10.0.0.1", "10.0.0.2"], [], [8080])
    ]


def test_nothing_is_written_when_nothing_changed():
    web = service("web", {"app": "web"})
    made = subsets.plan(web, [backend(1)], None, STAMP)
    assert subsets.plan(web, [backend(1, meta={"uid": made.subsets[0].addresses[0].target_ref.uid})], made, "") is None


def test_more_than_a_thousand_addresses_are_cut_and_said_to_be():
    pods = []
    for number in range(1005):
        made = backend(1, ready=number >= 10)
        ip = f"10.1.{number // 250}.{number % 250}"
        pods.append(replace(made, status=replace(made.status, pod_ip=ip)))
    made = subsets.plan(service("web", {"app": "web"}), pods, None, "")
    (subset,) = made.subsets
    assert (len(subset.addresses), len(subset.not_ready_addresses)) == (995, 5)
    assert made.metadata.annotations["endpoints.kubernetes.io/over-capacity"] == "truncated"


def by_hand(**more) -> Endpoints:
    tree = {
        "metadata": metadata("db", **more),
        "subsets": [
            {
                "addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}],
                "notReadyAddresses": [{"ip": "192.0.2.2"}],
                "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
            }
        ],
    }
    return codec.from_tree(Endpoints, tree)


def test_endpoints_written_by_hand_are_mirrored_by_family():
    changes = mirroring.plan(by_hand(labels={"team": "a"}), [])
    made = {each.address_type: each for each in changes.create}
    assert set(made) == {"IPv4", "IPv6"}
    v4 = made["IPv4"]
    assert [(each.addresses, each.conditions.ready) for each in v4.endpoints] == [
        (["192.0.2.1"], True),
        (["192.0.2.2"], False),
    ]
    assert v4.metadata.labels == {
        "team": "a",
        "kubernetes.io/service-name": "db",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
    }


def test_mirrored_slices_follow_and_settle():

    source = by_hand()
    held = mirroring.plan(source, []).create
    assert mirroring.plan(source, held).empty
    emptied = replace(source, subsets=[])
    assert len(mirroring.plan(emptied, held).delete) == 2


def test_only_endpoints_without_a_controller_are_mirrored():
    manual = service("db", None)
    assert mirroring.should_mirror(by_hand(), manual)
    assert not mirroring.should_mirror(by_hand(), None)
    assert not mirroring.should_mirror(by_hand(), service("db", {"app": "db"}))
    skipped = by_hand(labels={"endpointslice.kubernetes.io/skip-mirror": "true"})
    assert not mirroring.should_mirror(skipped, manual)
