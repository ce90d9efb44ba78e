"""Which pods a node can run by their runtime class."""

from __future__ import annotations

from typing import Any

import pytest

from api import errors
from api.types import ObjectMeta, Pod, PodSpec, RuntimeClass
from kubelet.pods.runtime_handler import handler_check
from kubelet.runtime.base import RuntimeFailure


class Classes:
    """The API server's runtime classes."""

    def __init__(self, **handlers: str) -> None:
        self._handlers = handlers

    async def get(self, record: type[RuntimeClass], name: str) -> RuntimeClass:
        if name not in self._handlers:
            raise errors.NotFound("runtimeclasses.node.k8s.io", name)
        return RuntimeClass(metadata=ObjectMeta(name=name), handler=self._handlers[name])


def pod(runtime_class: str | None) -> Pod:
    return Pod(metadata=ObjectMeta(name="p"), spec=PodSpec(runtime_class_name=runtime_class))


async def test_pods_of_no_class_and_of_known_handlers_pass() -> None:
    classes: Any = Classes(usual="runc")
    await handler_check(classes)(pod(None))
    await handler_check(classes)(pod("usual"))


@pytest.mark.parametrize(
    ("name", "message"),
    [("boxed", 'no runtime for "vm" is configured'), ("gone", 'RuntimeClass "gone" not found')],
)
async def test_others_are_refused_with_the_reason(name: str, message: str) -> None:
    classes: Any = Classes(boxed="vm")
    with pytest.raises(RuntimeFailure, match=message):
        await handler_check(classes)(pod(name))
