"""Who calls: a bearer token in the metadata if there is one, else the client certificate's subject.

Every connection carries a certificate of the cluster's authority; a token narrows that to whom it names.
"""

from __future__ import annotations

from typing import Final

import grpc

from apiserver.auth.authn import Authenticator, unauthorized
from apiserver.auth.certificates import user_from_subject
from apiserver.auth.user import User

# Certificates remembered at most; then the memory starts afresh.
MAX_REMEMBERED: Final = 10_000


class Callers:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._by_certificate: dict[bytes, User] = {}

    def user_of(self, context: grpc.aio.ServicerContext) -> User:
        """Raises `Unauthorized`."""
        for key, value in context.invocation_metadata() or ():
            if key == "authorization":
                text = value if isinstance(value, str) else value.decode("latin-1")
                user = self._authenticator.from_header(text)
                if user is not None:
                    return user
        return self._from_certificate(context)

    def _from_certificate(self, context: grpc.aio.ServicerContext) -> User:
        pems = context.auth_context().get("x509_pem_cert", ())
        if not pems:
            raise unauthorized()
        user = self._by_certificate.get(pems[0])
        if user is None:
            user = _user_of_certificate(pems[0])
            if len(self._by_certificate) >= MAX_REMEMBERED:
                self._by_certificate.clear()
            self._by_certificate[pems[0]] = user
        return user


def _user_of_certificate(pem: bytes) -> User:
    # Loaded with the first caller: the doors open sooner without it.
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_pem_x509_certificate(pem).subject
    user = user_from_subject(
        [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)],
        [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)],
    )
    if user is None:
        raise unauthorized()
    return user
