"""What the handler expects of every resource's registry. Every verb a kind lacks is refused here."""

from __future__ import annotations

from collections.abc import Sequence

from api import errors
from api.scheme import Resource
from api.types import DeleteOptions
from apiserver.auth.user import User
from apiserver.requests import ListOptions, Page, Result, Stored, Watch, WriteOptions


class Registry:
    """Base of all registries: answers 405 to everything."""

    # Whether an update of an absent object creates it.
    creates_on_update: bool = False

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    async def get(self, namespace: str, name: str, subresource: str = "", resource_version: str = "") -> Stored:
        raise self._unsupported("get")

    async def list(self, namespace: str, options: ListOptions) -> Page:
        raise self._unsupported("list")

    def watch(self, namespace: str, options: ListOptions) -> Watch:
        raise self._unsupported("watch")

    async def create(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        raise self._unsupported("create")

    async def update(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        raise self._unsupported("update")

    async def patch(
        self,
        user: User,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        patch_type: str,
        options: WriteOptions,
    ) -> Result:
        raise self._unsupported("patch")

    async def delete(
        self, user: User, namespace: str, name: str, delete_options: DeleteOptions, options: WriteOptions
    ) -> Result:
        raise self._unsupported("delete")

    async def delete_collection(
        self,
        user: User,
        namespace: str,
        list_options: ListOptions,
        delete_options: DeleteOptions,
        options: WriteOptions,
    ) -> Sequence[Stored]:
        raise self._unsupported("deletecollection")

    def _unsupported(self, verb: str) -> errors.StatusError:
        return errors.MethodNotSupported(self.resource.group_resource, verb)
