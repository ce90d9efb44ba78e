"""Success documents that stand for an object that is no more, or for an action that has none. Pure."""

from __future__ import annotations

import msgspec

from api.scheme import Resource
from apiserver.stored import Stored


def deleted_status(resource: Resource, stored: Stored) -> bytes:
    """What a completed delete answers for most kinds."""
    details = {"name": stored.name}
    if resource.group:
        details["group"] = resource.group
    details |= {"kind": resource.plural, "uid": stored.uid}
    return _success({"details": details})


def done_status() -> bytes:
    """What an action such as binding or eviction answers (with 201)."""
    return _success({"code": 201})


def _success(rest: dict[str, object]) -> bytes:
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return msgspec.json.encode(head | rest)
