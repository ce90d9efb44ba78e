"""ConfigMaps, Secrets and Namespaces."""

from __future__ import annotations

import base64
import json

from api import names
from api.errors import FieldError
from api.types import ConfigMap, Namespace, Secret
from api.validation.checks import Errors, immutable, required, well_formed
from api.validation.metadata import finalizer

MAX_BYTES = 1024 * 1024
_FROZEN = "field is immutable when `immutable` is set"
_ACCOUNT_ANNOTATION = "kubernetes.io/service-account.name"
_DOCKER_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}


def config_map(config_map: ConfigMap) -> Errors:
    for key in config_map.data:
        yield from well_formed(key, f"data[{key}]", names.config_key)
        if key in config_map.binary_data:
            yield FieldError.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in config_map.binary_data:
        yield from well_formed(key, f"binaryData[{key}]", names.config_key)
    size = sum(len(value.encode()) for value in config_map.data.values())
    size += sum(_decoded_size(value) for value in config_map.binary_data.values())
    if size > MAX_BYTES:
        yield FieldError.too_long("[]", MAX_BYTES)  # upstream's path of the whole object


def config_map_update(new: ConfigMap, old: ConfigMap) -> Errors:
    if old.immutable:
        if not new.immutable:
            yield FieldError.forbidden("immutable", _FROZEN)
        if new.data != old.data:
            yield FieldError.forbidden("data", _FROZEN)
        if new.binary_data != old.binary_data:
            yield FieldError.forbidden("binaryData", _FROZEN)
    yield from config_map(new)


def secret(secret: Secret) -> Errors:
    for key in secret.data:
        yield from well_formed(key, f"data[{key}]", names.config_key)
    if sum(_decoded_size(value) for value in secret.data.values()) > MAX_BYTES:
        yield FieldError.too_long("data", MAX_BYTES)
    yield from _typed_content(secret)


def _typed_content(secret: Secret) -> Errors:
    """What a secret of a well-known type must hold."""
    match secret.type:
        case "kubernetes.io/service-account-token":
            if not secret.metadata.annotations.get(_ACCOUNT_ANNOTATION):
                yield FieldError.required(f"metadata.annotations[{_ACCOUNT_ANNOTATION}]")
        case "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson":
            yield from _docker_config(secret, _DOCKER_KEYS[secret.type])
        case "kubernetes.io/basic-auth":
            if not {"username", "password"} & secret.data.keys():
                yield FieldError.required("data[username]")
                yield FieldError.required("data[password]")
        case "kubernetes.io/ssh-auth":
            yield from required(secret.data.get("ssh-privatekey"), "data[ssh-privatekey]")
        case "kubernetes.io/tls":
            for key in sorted({"tls.crt", "tls.key"} - secret.data.keys()):
                yield FieldError.required(f"data[{key}]")


def secret_update(new: Secret, old: Secret) -> Errors:
    yield from immutable(new.type, old.type, "type")
    if old.immutable:
        if not new.immutable:
            yield FieldError.forbidden("immutable", _FROZEN)
        if new.data != old.data:
            yield FieldError.forbidden("data", _FROZEN)
    yield from secret(new)


def namespace(namespace: Namespace) -> Errors:
    for value in namespace.spec.finalizers:
        yield from finalizer(value, "spec.finalizers", "spec.finalizers")


def namespace_status(new: Namespace, old: Namespace) -> Errors:
    expected = "Active" if new.metadata.deletion_timestamp is None else "Terminating"
    if new.status.phase != expected:
        condition = "empty" if expected == "Active" else "not empty"
        detail = f"may only be '{expected}' if `deletionTimestamp` is {condition}"
        yield FieldError.invalid("status.Phase", new.status.phase, detail)


def _docker_config(secret: Secret, key: str) -> Errors:
    if key not in secret.data:
        yield FieldError.required(f"data[{key}]")
        return
    try:
        content = json.loads(base64.b64decode(secret.data[key]))
        problem = (
            "" if isinstance(content, dict) else "json: cannot unmarshal value into Go value of type map[string]any"
        )
    except ValueError as error:
        problem = str(error)
    if problem:
        yield FieldError.invalid(f"data[{key}]", "<secret contents redacted>", problem)


def _decoded_size(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")
