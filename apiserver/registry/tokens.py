"""serviceaccounts/token: signs a token for a service account, bound to a pod, node or secret (upstream TokenREST)."""

from __future__ import annotations

import time
from typing import Any, Final

from msgspec.structs import replace

from api import codec, errors, timestamps
from api.errors import FieldError
from api.types import BoundObjectReference, ObjectMeta, TokenRequest, TokenRequestStatus
from apiserver.admission.chain import CREATE, Admission, Request
from apiserver.auth.service_accounts import Reference, TokenIssuer, TokenSubject
from apiserver.auth.user import User
from apiserver.registry import bodies, metadata
from apiserver.registry.bodies import Kind
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.registry import Registry
from apiserver.registry.subresource import Subresource
from apiserver.requests import Result, WriteOptions
from apiserver.stored import Stored

DEFAULT_SECONDS: Final = 3600
MIN_SECONDS: Final = 600
MAX_SECONDS: Final = 1 << 32
_KIND: Final = Kind(TokenRequest, "authentication.k8s.io/v1", "TokenRequest")
_BOUND_KINDS: Final = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


class ServiceAccountToken(Subresource):
    """`bindable` are the registries of pods, secrets and nodes by plural."""

    def __init__(
        self,
        accounts: ObjectRegistry,
        bindable: dict[str, Registry],
        issuer: TokenIssuer,
        admission: Admission,
    ) -> None:
        super().__init__("serviceaccounts/token")
        self._accounts = accounts
        self._bindable = bindable
        self._issuer = issuer
        self._admission = admission

    async def create(self, user: User, namespace: str, name: str, body: bytes, options: WriteOptions) -> Result:
        bodies.check_options("Create", options.dry_run, options.field_validation)
        request, warnings = bodies.decode(_KIND, body, options.field_validation)
        resource = self._accounts.resource
        request = metadata.require_same_name(metadata.in_namespace(request, resource, namespace), name)
        spec = request.spec
        seconds = DEFAULT_SECONDS if spec.expiration_seconds is None else spec.expiration_seconds
        _check_seconds(name, seconds)
        account = await self._accounts.get(namespace, name)
        await self._admission.create(Request(user, CREATE, resource, "token", namespace, name, request, None, options))
        bound = {} if spec.bound_object_ref is None else await self._bound(namespace, name, spec.bound_object_ref)
        now = time.time()
        subject = TokenSubject(namespace=namespace, service_account=Reference(name, account.uid), **bound)
        audiences = spec.audiences or [self._issuer.issuer]
        issued = self._issuer.issue(subject, audiences, seconds, now)
        answer = replace(
            request,
            metadata=ObjectMeta(name=name, namespace=namespace, creation_timestamp=timestamps.now_text(now)),
            spec=replace(spec, audiences=audiences, expiration_seconds=seconds),
            status=TokenRequestStatus(token=issued.token, expiration_timestamp=timestamps.now_text(issued.expires_at)),
        )
        return Result(Stored(resource, namespace, name, 0, codec.encode(answer)), warnings, created=True)

    async def _bound(self, namespace: str, account: str, wanted: BoundObjectReference) -> dict[str, Any]:
        """What the token's life is bound to, as fields of its subject."""
        plural = _BOUND_KINDS.get(wanted.kind)
        if plural is None or wanted.api_version not in ("", "v1"):
            described = f"{wanted.api_version}, Kind={wanted.kind}"
            raise errors.BadRequest(f"cannot bind token to object of type {described}")
        scope = "" if wanted.kind == "Node" else namespace
        found = await self._bindable[plural].get(scope, wanted.name)
        if wanted.uid and wanted.uid != found.uid:
            cause = (
                f"the UID in the bound object reference ({wanted.uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise errors.Conflict(plural, wanted.name, cause)
        bound = {wanted.kind.lower(): Reference(found.name, found.uid)}
        if wanted.kind == "Pod":
            spec = found.record.spec
            if spec.service_account_name != account:
                raise errors.BadRequest(
                    f'cannot bind token for serviceaccount "{account}" to pod running '
                    "with different serviceaccount name."
                )
            if spec.node_name:
                node = await self._bindable["nodes"].get("", spec.node_name, "", "0")
                bound["node"] = Reference(node.name, node.uid)
        return bound


def _check_seconds(name: str, seconds: int) -> None:
    problem = ""
    if seconds < MIN_SECONDS:
        problem = "may not specify a duration less than 10 minutes"
    elif seconds > MAX_SECONDS:
        problem = "may not specify a duration larger than 2^32 seconds"
    if problem:
        wrong = FieldError.invalid("spec.expirationSeconds", seconds, problem)
        raise errors.Invalid("TokenRequest.authentication.k8s.io", name, [wrong])
