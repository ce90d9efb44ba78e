"""An external etcd's flags are looked at before anything is started."""

from __future__ import annotations

import pytest

from podling.launcher import preflight
from podling.launcher.errors import LauncherError
from podling.launcher.plan import Cluster


def plan(*endpoints: str, ca: str = "", cert: str = "", key: str = "") -> Cluster:
    return Cluster(
        id="abc123",
        directory="/c",
        network_index=2,
        node_count=2,
        node_cpu=1.0,
        node_memory=1 << 30,
        image_store="/images",
        grpc="127.0.0.1:6464",
        rest="127.0.0.1:6463",
        etcd_endpoints=list(endpoints),
        etcd_ca_file=ca,
        etcd_cert_file=cert,
        etcd_key_file=key,
    )


@pytest.mark.parametrize(
    "good",
    [
        plan(),
        plan("http://10.0.0.1:2379", "10.0.0.2:2379"),
        plan("https://etcd.example:2379/", "https://[::1]:2379", ca="/ca", cert="/crt", key="/key"),
        plan("unix:///run/etcd"),
    ],
)
def test_what_can_be_asked(good: Cluster) -> None:
    preflight.check_etcd_flags(good)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (plan("https://10.0.0.1:2379"), "needs --etcd-ca-file"),
        (plan("https://10.0.0.1:2379", ca="/ca", cert="/crt"), "--etcd-cert-file and --etcd-key-file belong together"),
        (plan("nonsense"), "'nonsense' is not an address such as"),
        (plan("http://10.0.0.1:2379", "ftp://10.0.0.1:2379"), "'ftp://10.0.0.1:2379' is not"),
        (plan("http://10.0.0.1"), "'http://10.0.0.1' is not"),
    ],
)
def test_what_cannot(wrong: Cluster, told: str) -> None:
    with pytest.raises(LauncherError, match=told):
        preflight.check_etcd_flags(wrong)
