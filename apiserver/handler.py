"""The one entrance to the registry: authorize, then admit and store. Both front doors call this and nothing else.

Every method takes the authenticated user first and raises `api.errors.StatusError`. Bodies are JSON bytes.
Admission runs inside the registry because it needs the decoded object; streams into pods are
`apiserver.pod_streams`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from api import errors
from api.scheme import Resource
from apiserver.auth.user import User
from apiserver.registry.registry import Registry
from apiserver.requests import (
    Attributes,
    Authorizer,
    ListOptions,
    Page,
    Result,
    Stored,
    Watch,
    WriteOptions,
    decode_delete_options,
)

_NAME_REQUIREMENT: Final = re.compile(r"(?:^|,)metadata\.name=?=([^,=!]+)(?:,|$)")


class Handler:
    """`registries` maps `Resource.registry_name` ("pods", "deployments.apps") to its registry."""

    def __init__(self, registries: Mapping[str, Registry], authorizer: Authorizer) -> None:
        self._registries = registries
        self._authorizer = authorizer

    async def get(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str = "",
        *,
        resource_version: str = "",
    ) -> Stored:
        """One object. `resource_version`: "" for the latest, "0" for any, N for not older than N."""
        registry = self._admit(user, "get", resource, namespace, name, subresource)
        return await registry.get(namespace, name, subresource, resource_version)

    async def list(self, user: User, resource: Resource, namespace: str, options: ListOptions) -> Page:
        """A collection or a page of it; `namespace` "" lists all namespaces."""
        registry = self._admit(
            user, "list", resource, namespace, _selected_name(options), field_selector=options.field_selector
        )
        return await registry.list(namespace, options)

    def watch(self, user: User, resource: Resource, namespace: str, options: ListOptions) -> Watch:
        """Changes of a collection. Selectors and revisions are checked on entering the context."""
        registry = self._admit(
            user, "watch", resource, namespace, _selected_name(options), field_selector=options.field_selector
        )
        return registry.watch(namespace, options)

    async def create(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        options: WriteOptions,
    ) -> Result:
        """Create an object, or act through a subresource (binding, eviction, token) of `name`."""
        registry = self._admit(user, "create", resource, namespace, name, subresource)
        return await registry.create(user, namespace, name, subresource, body, options)

    async def update(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        options: WriteOptions,
    ) -> Result:
        """Replace an object or one of its subresources; some kinds come into being this way."""
        registry = self._admit(user, "update", resource, namespace, name, subresource)
        try:
            return await registry.update(user, namespace, name, subresource, body, options)
        except errors.NotFound:
            if subresource or not registry.creates_on_update:
                raise
        self._admit(user, "create", resource, namespace, name)
        return await registry.create(user, namespace, name, "", body, options)

    async def patch(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        patch_type: str,
        options: WriteOptions,
    ) -> Result:
        """Patch an object or one of its subresources; `patch_type` is the media type without parameters."""
        registry = self._admit(user, "patch", resource, namespace, name, subresource)
        return await registry.patch(user, namespace, name, subresource, body, patch_type, options)

    async def delete(
        self, user: User, resource: Resource, namespace: str, name: str, body: bytes, options: WriteOptions
    ) -> Result:
        """Delete an object; `body` is a DeleteOptions document or empty."""
        registry = self._admit(user, "delete", resource, namespace, name)
        return await registry.delete(user, namespace, name, decode_delete_options(body), options)

    async def delete_collection(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        list_options: ListOptions,
        body: bytes,
        options: WriteOptions,
    ) -> Sequence[Stored]:
        """Delete everything the selectors match; the objects as they were."""
        registry = self._admit(user, "deletecollection", resource, namespace, "")
        return await registry.delete_collection(user, namespace, list_options, decode_delete_options(body), options)

    def authorize(self, attributes: Attributes) -> None:
        """Raise `Forbidden` in upstream's words unless the authorizer allows it. Also for non-resource paths."""
        decision = self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)

    def _admit(
        self,
        user: User,
        verb: str,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str = "",
        field_selector: str = "",
    ) -> Registry:
        _check_segment("Name", name)
        _check_segment("Namespace", namespace)
        if namespace and not resource.namespaced:
            # Rights in a namespace must say nothing about objects that are in none.
            raise errors.generic(404)
        # A Namespace object is inside itself for authorization (upstream RequestInfo).
        scope = name if resource.plural == "namespaces" and not resource.group else namespace
        attributes = Attributes(
            user,
            verb,
            resource.group,
            resource.version,
            resource.plural,
            subresource,
            scope,
            name,
            field_selector=field_selector,
        )
        decision = self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)
        registry = self._registries.get(resource.registry_name)
        if registry is None:
            raise errors.generic(404)
        return registry


def _check_segment(what: str, text: str) -> None:
    """Raise `BadRequest` for names that would lead elsewhere in the store (upstream IsValidPathSegmentName)."""
    if "/" in text or "%" in text or text in (".", ".."):
        problem = f"may not be '{text}'" if text in (".", "..") else "may not contain '/' or '%'"
        raise errors.BadRequest(f'{what} parameter invalid: "{text}": {problem}')


def forbidden(attributes: Attributes, reason: str = "") -> errors.Forbidden:
    """The refusal of a request, worded as upstream's (apiserver, responsewriters.ForbiddenStatusError)."""
    user, verb = attributes.user.name, attributes.verb
    if not attributes.resource:
        cause = f'User "{user}" cannot {verb} path "{attributes.path}"'
        return errors.Forbidden("", "", f"{cause}: {reason}" if reason else cause)
    resource, group = attributes.resource, attributes.group
    what = f"{resource}/{attributes.subresource}" if attributes.subresource else resource
    scope = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    cause = f'User "{user}" cannot {verb} resource "{what}" in API group "{group}" {scope}'
    return errors.Forbidden(
        f"{resource}.{group}" if group else resource,
        attributes.name,
        f"{cause}: {reason}" if reason else cause,
    )


def _selected_name(options: ListOptions) -> str:
    """The one name a list or watch is restricted to (upstream RequestInfo reads it from the field selector)."""
    if options.name:
        return options.name
    if not options.field_selector:
        return ""
    found = _NAME_REQUIREMENT.search(options.field_selector)
    return found.group(1) if found else ""
