"""One repository of a registry: manifests and blobs, read and written.

Source: OCI distribution-spec 1.1; Docker Registry HTTP API V2.
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .. import oci
from ..errors import CorruptImage, NotInRegistry, RegistryError, RegistryUnavailable
from ..reference import Reference, is_digest
from .keyring import Credential
from .transport import Transport
from .trust import Trust

MAX_MANIFEST_BYTES = 4 << 20
_CHUNK = 256 << 10
_ACCEPTED = ", ".join((oci.MANIFEST, oci.INDEX, oci.DOCKER_MANIFEST, oci.DOCKER_MANIFEST_LIST))
_BROKEN = (OSError, http.client.HTTPException)

Told = Callable[[int], None]


class Registry:
    """The repository of `reference`. Every method raises RegistryError or one of its subclasses."""

    def __init__(self, reference: Reference, trust: Trust, credential: Credential | None = None) -> None:
        domain, _, self._path = reference.repository.partition("/")
        self.domain = domain
        self._transport = Transport(domain, trust, credential)

    def check(self) -> None:
        """Whether the registry lets us in at all."""
        self._transport.request("GET", "/v2/", scope="").close()

    def digest(self, wanted: str) -> str:
        """What a tag is at the moment; "" when the registry does not say without sending it."""
        with self._manifest("HEAD", wanted) as answer:
            said = answer.headers.get("Docker-Content-Digest", "")
        return said if is_digest(said) else ""

    def manifest(self, wanted: str) -> tuple[bytes, str]:
        """The manifest or index of a tag or digest, and its media type; checked when it is a digest.

        Also raises CorruptImage.
        """
        with self._manifest("GET", wanted) as answer:
            data = self._read(answer, MAX_MANIFEST_BYTES, f"manifest {wanted}")
            media_type = answer.headers.get_content_type()
        if is_digest(wanted) and oci.digest_of(data) != wanted:
            raise CorruptImage(f"registry {self.domain} sent another manifest ({oci.digest_of(data)}) for {wanted}")
        return data, media_type

    def small_blob(self, descriptor: oci.Descriptor) -> bytes:
        """A config. Also raises CorruptImage."""
        with self._get("GET", f"blobs/{descriptor.digest}") as answer:
            data = self._read(answer, MAX_MANIFEST_BYTES, f"blob {descriptor.digest}")
        if oci.digest_of(data) != descriptor.digest:
            raise CorruptImage(f"registry {self.domain} sent a damaged blob {descriptor.digest}")
        return data

    def download(self, descriptor: oci.Descriptor, target: BinaryIO, told: Told) -> None:
        """Write a blob to a file, never more than its size. `told` hears the bytes so far. Also raises CorruptImage."""
        digest, done = hashlib.sha256(), 0
        with self._get("GET", f"blobs/{descriptor.digest}") as answer:
            while chunk := self._chunk(answer, descriptor):
                done += len(chunk)
                if done > descriptor.size:
                    break
                digest.update(chunk)
                target.write(chunk)
                told(done)
        if done < descriptor.size:
            raise RegistryUnavailable(
                f"registry {self.domain} broke off: {done} of {descriptor.size} bytes of layer {descriptor.digest}"
            )
        if done > descriptor.size or f"sha256:{digest.hexdigest()}" != descriptor.digest:
            raise CorruptImage(f"registry {self.domain} sent a damaged layer: its content is not {descriptor.digest}")

    def has_blob(self, digest: str) -> bool:
        """Whether a blob need not be uploaded."""
        try:
            self._request("HEAD", f"blobs/{digest}", push=True).close()
        except NotInRegistry:
            return False
        return True

    def upload(self, digest: str, file: Path) -> None:
        """Upload a blob in one piece."""
        with self._request("POST", "blobs/uploads/", push=True, body=b"") as answer:
            location = answer.headers.get("Location", "")
        if not location:
            raise RegistryError(f"registry {self.domain} does not say where to upload to")
        url = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
        with file.open("rb") as content:
            self._transport.request("PUT", url, scope=self._scope(True), headers=headers, body=content).close()

    def put_manifest(self, tag: str, data: bytes, media_type: str) -> str:
        """Give the repository an image; its digest."""
        headers = {"Content-Type": media_type}
        path = f"/v2/{self._path}/manifests/{tag}"
        self._transport.request("PUT", path, scope=self._scope(True), headers=headers, body=data).close()
        return oci.digest_of(data)

    def _manifest(self, method: str, wanted: str) -> http.client.HTTPResponse:
        try:
            return self._get(method, f"manifests/{wanted}", accept=_ACCEPTED)
        except NotInRegistry as error:
            name = f"{self._path}{'@' if is_digest(wanted) else ':'}{wanted}"
            raise NotInRegistry(f"registry {self.domain} has no image {name}: not found") from error

    def _get(self, method: str, path: str, accept: str = "") -> http.client.HTTPResponse:
        return self._request(method, path, headers={"Accept": accept} if accept else None)

    def _request(
        self,
        method: str,
        path: str,
        *,
        push: bool = False,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> http.client.HTTPResponse:
        return self._transport.request(
            method, f"/v2/{self._path}/{path}", scope=self._scope(push), headers=headers, body=body
        )

    def _scope(self, push: bool) -> str:
        return f"repository:{self._path}:{'pull,push' if push else 'pull'}"

    def _read(self, answer: http.client.HTTPResponse, limit: int, what: str) -> bytes:
        try:
            data = answer.read(limit + 1)
        except _BROKEN as error:
            raise RegistryUnavailable(f"registry {self.domain} broke off in {what}: {error}") from error
        if len(data) > limit:
            raise CorruptImage(f"{what} of registry {self.domain} is larger than {limit} bytes")
        return data

    def _chunk(self, answer: http.client.HTTPResponse, descriptor: oci.Descriptor) -> bytes:
        try:
            return answer.read(_CHUNK)
        except TimeoutError as error:
            raise RegistryUnavailable(f"registry {self.domain} hangs in layer {descriptor.digest}") from error
        except _BROKEN as error:
            raise RegistryUnavailable(
                f"registry {self.domain} broke off in layer {descriptor.digest}: {error}"
            ) from error
