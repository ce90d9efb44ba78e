"""Subresources whose documents are of another kind than the object: binding, eviction, scale, token."""

from __future__ import annotations

from api import errors
from apiserver.auth.user import User
from apiserver.requests import Result, WriteOptions
from apiserver.stored import Stored


class Subresource:
    """Base: refuses every verb with 405. `qualified` is how errors name it ("pods/binding")."""

    def __init__(self, qualified: str) -> None:
        self.qualified = qualified

    async def get(self, namespace: str, name: str, resource_version: str) -> Stored:
        raise errors.MethodNotSupported(self.qualified, "get")

    async def create(self, user: User, namespace: str, name: str, body: bytes, options: WriteOptions) -> Result:
        raise errors.MethodNotSupported(self.qualified, "create")

    async def update(self, user: User, namespace: str, name: str, body: bytes, options: WriteOptions) -> Result:
        raise errors.MethodNotSupported(self.qualified, "update")

    async def patch(
        self, user: User, namespace: str, name: str, body: bytes, patch_type: str, options: WriteOptions
    ) -> Result:
        raise errors.MethodNotSupported(self.qualified, "patch")
