"""An external etcd's flags are looked at before anything is started."""

from __future__ import annotations

import pytest

from podling.launcher import preflight
from podling.launcher.errors import LauncherError
from podling.launcher.plan import Cluster
from tests.support.plans import plan


def asking(*endpoints: str, ca: str = "", cert: str = "", key: str = "") -> Cluster:
    return plan(etcd_endpoints=list(endpoints), etcd_ca_file=ca, etcd_cert_file=cert, etcd_key_file=key)


@pytest.mark.parametrize(
    "good",
    [
        asking(),
        asking("http://10.0.0.1:2379", "10.0.0.2:2379"),
        asking("https://etcd.example:2379/", "https://[::1]:2379", ca="/ca", cert="/crt", key="/key"),
        asking("unix:///run/etcd"),
    ],
)
def test_what_can_be_asked(good: Cluster) -> None:
    preflight.check_etcd_flags(good)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (asking("https://10.0.0.1:2379"), "needs --etcd-ca-file"),
        (
            asking("https://10.0.0.1:2379", ca="/ca", cert="/crt"),
            "--etcd-cert-file and --etcd-key-file belong together",
        ),
        (asking("nonsense"), "'nonsense' is not an address such as"),
        (asking("http://10.0.0.1:2379", "ftp://10.0.0.1:2379"), "'ftp://10.0.0.1:2379' is not"),
        (asking("http://10.0.0.1"), "'http://10.0.0.1' is not"),
    ],
)
def test_what_cannot(wrong: Cluster, told: str) -> None:
    with pytest.raises(LauncherError, match=told):
        preflight.check_etcd_flags(wrong)
