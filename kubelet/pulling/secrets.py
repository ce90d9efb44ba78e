"""The credentials a pod's images may be pulled with: its imagePullSecrets, then the node's own file.

Source: upstream's kubelet (getPullSecretsForPod) and pkg/credentialprovider/secrets.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from pathlib import Path

from api.errors import StatusError
from api.types import Pod, Secret
from images.pull_request import Offer
from images.registry import keyring
from images.registry.keyring import Credential, Entry, MalformedCredentials
from kubelet.objects import ObjectCache

_FORMS = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson", keyring.parse_config),
    "kubernetes.io/dockercfg": (".dockercfg", keyring.parse_legacy_config),
}


class UnusableSecret(Exception):
    """A pull secret that does not hold what its type says. The text names it."""


class PullSecrets:
    """`node_file`: the node's own credentials in the form of Docker's config.json; it need not be there."""

    def __init__(self, objects: ObjectCache, node_file: Path) -> None:
        self._objects = objects
        self._node_file = node_file

    async def offers(self, pod: Pod, repository: str, missing: Callable[[str], None]) -> Sequence[Offer]:
        """The credentials for a repository, in the order to be tried. `missing` is told the Secrets that are not there.

        Raises UnusableSecret.
        """
        namespace = pod.metadata.namespace
        secrets: list[Secret] = []
        absent: list[str] = []
        for reference in pod.spec.image_pull_secrets:
            secret = await self._find(namespace, reference.name)
            if secret is None:
                absent.append(reference.name)
            else:
                secrets.append(secret)
        if absent:
            missing(", ".join(absent))
        offers = [
            _offer(credential, secret)
            for secret in secrets
            for credential in keyring.matching(entries_of(secret), repository)
        ]
        return [*offers, *(_offer(each) for each in keyring.matching(self._node_entries(), repository))]

    async def _find(self, namespace: str, name: str) -> Secret | None:
        try:
            found = await self._objects.get(Secret, namespace, name)
        except StatusError:
            return None  # as upstream: the pull is tried without it and says what it lacks
        return found if isinstance(found, Secret) else None

    def _node_entries(self) -> list[Entry]:
        try:
            return keyring.parse_config(self._node_file.read_bytes())
        except FileNotFoundError:
            return []
        except MalformedCredentials as error:
            raise UnusableSecret(f"{self._node_file} holds no credentials: {error}") from error


def entries_of(secret: Secret) -> list[Entry]:
    """What a Secret offers; nothing when it is of another type. Raises UnusableSecret."""
    form = _FORMS.get(secret.type or "")
    if form is None:
        return []
    key, parse = form
    if key not in secret.data:
        return []
    try:
        return parse(base64.b64decode(secret.data[key]))
    except (MalformedCredentials, binascii.Error) as error:
        raise UnusableSecret(f'image pull secret "{secret.metadata.name}" is not usable: {error}') from error


def _offer(credential: Credential, secret: Secret | None = None) -> Offer:
    metadata = secret.metadata if secret is not None else None
    return Offer(
        username=credential.username,
        password=credential.password,
        identity_token=credential.identity_token,
        registry_token=credential.registry_token,
        uid=metadata.uid if metadata else "",
        namespace=metadata.namespace if metadata else "",
        name=metadata.name if metadata else "",
    )
