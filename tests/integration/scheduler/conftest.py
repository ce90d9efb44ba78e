import pytest

from api.types import ObjectMeta, ServiceAccount
from tests.support.apiserver import apiserver as apiserver
from tests.support.apiserver import client as client
from tests.support.control_plane import scheduler as scheduler
from tests.support.etcd import etcd as etcd


@pytest.fixture(autouse=True)
async def default_account(client):
    """Pods need their namespace's account, which controllers would make."""
    await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
