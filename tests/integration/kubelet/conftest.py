"""One node for all tests of this folder; a namespace for each."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from cluster.client import Client
from cluster.connection import open_channel
from tests.support.kubelet_node import NodeUnderTest, Pods, prepare_namespace

_numbers = itertools.count()


@pytest.fixture(scope="session")
def node() -> Iterator[NodeUnderTest]:
    """A ready node. At the end nothing of its pods may be left on the machine."""
    under_test = NodeUnderTest()
    try:
        under_test.start()
        yield under_test
        left = under_test.wait_tidy()
    finally:
        under_test.close()
    assert left == []


@pytest.fixture
async def client(node: NodeUnderTest) -> AsyncIterator[Client]:
    """The cluster's administrator."""
    async with open_channel(node.apiserver.connection()) as channel:
        client = Client(channel)
        yield client
        await client.close()


@pytest.fixture
async def pods(node: NodeUnderTest, client: Client) -> AsyncIterator[Pods]:
    """Pods in a namespace of their own, removed at the end."""
    namespace = f"test-{next(_numbers)}"
    await prepare_namespace(client, namespace)
    made = Pods(client, node, namespace)
    yield made
    await made.remove_all()
