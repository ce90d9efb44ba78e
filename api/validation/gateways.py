"""Gateways, their classes, and grants (upstream: the definitions of gateway.networking.k8s.io, standard channel)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from api.errors import FieldError
from api.types import (
    AllowedRoutes,
    Gateway,
    GatewayClass,
    GatewayInfrastructure,
    GatewaySpec,
    GatewaySpecAddress,
    GatewayStatusAddress,
    Listener,
    ListenerTLSConfig,
    ReferenceGrant,
)
from api.validation import gateway_schema as schema
from api.validation.checks import Errors

_PROTOCOL = (
    r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
    r"\/[A-Za-z0-9]+$"
)
_ADDRESS_TYPE = r"^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/.+$"
_WITHOUT_TLS = ("HTTP", "TCP", "UDP")
_WITHOUT_HOSTNAME = ("TCP", "UDP")
_MOST_CLASS_DESCRIPTION = 64


def gateway_class(gateway_class: GatewayClass) -> Errors:
    spec = gateway_class.spec
    yield from schema.text(spec.controller_name, "spec.controllerName", pattern=schema.CONTROLLER, most=253)
    if spec.description is not None:
        yield from schema.text(spec.description, "spec.description", most=_MOST_CLASS_DESCRIPTION, needed=False)
    if spec.parameters_ref is not None:
        reference, path = spec.parameters_ref, "spec.parametersRef"
        yield from schema.object_name(reference.group, reference.kind, reference.name, path)
        yield from schema.namespace(reference.namespace, f"{path}.namespace")


def gateway_class_update(new: GatewayClass, old: GatewayClass) -> Errors:
    yield from gateway_class(new)
    same = new.spec.controller_name == old.spec.controller_name
    yield from schema.rule(same, "spec.controllerName", "Value is immutable", value=new.spec.controller_name)


def gateway_class_status(new: GatewayClass, old: GatewayClass) -> Errors:
    yield from schema.conditions(new.status.conditions, "status.conditions")
    features = new.status.supported_features
    yield from schema.at_most(features, "status.supportedFeatures", 64)
    yield from schema.keyed((each.name for each in features), "status.supportedFeatures", "name")


def gateway(gateway: Gateway) -> Errors:
    spec = gateway.spec
    yield from schema.name(spec.gateway_class_name, "spec.gatewayClassName")
    yield from schema.at_most(spec.addresses, "spec.addresses", 16)
    for index, address in enumerate(spec.addresses):
        yield from _address(address, f"spec.addresses[{index}]")
    for kind, message in (
        ("IPAddress", "IPAddress values must be unique"),
        ("Hostname", "Hostname values must be unique"),
    ):
        values = [each.value for each in spec.addresses if each.type == kind and each.value]
        yield from schema.rule(len(set(values)) == len(values), "spec.addresses", message, value="array")
    if spec.infrastructure is not None:
        yield from _infrastructure(spec.infrastructure, "spec.infrastructure")
    yield from _listeners(spec)


def gateway_status(new: Gateway, old: Gateway) -> Errors:
    status = new.status
    yield from schema.conditions(status.conditions, "status.conditions")
    yield from schema.at_most(status.addresses, "status.addresses", 16)
    for index, address in enumerate(status.addresses):
        yield from schema.text(address.value, f"status.addresses[{index}].value", most=253)
        yield from _address(address, f"status.addresses[{index}]")
    yield from schema.at_most(status.listeners, "status.listeners", 64)
    yield from schema.keyed((each.name for each in status.listeners), "status.listeners", "name")
    for index, listener in enumerate(status.listeners):
        path = f"status.listeners[{index}]"
        yield from schema.text(listener.name, f"{path}.name", pattern=schema.SUBDOMAIN, most=253)
        yield from schema.at_most(listener.supported_kinds, f"{path}.supportedKinds", 8)
        yield from schema.conditions(listener.conditions, f"{path}.conditions")


def _address(address: GatewaySpecAddress | GatewayStatusAddress, path: str) -> Errors:
    yield from schema.optional(address.type, f"{path}.type", pattern=_ADDRESS_TYPE, most=253)
    yield from schema.text(address.value, f"{path}.value", most=253, needed=False)
    if address.type == "IPAddress" and address.value and not _is_address(address.value):
        yield FieldError.invalid(
            f"{path}.value", address.value, f"{path}.value in body must be of type ip: {address.value!r}"
        )
    if address.type == "Hostname" and address.value:
        message = f"Hostname value must be empty or contain only valid characters (matching {schema.HOSTNAME})"
        yield from schema.rule(re.search(schema.HOSTNAME, address.value) is not None, path, message)


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _infrastructure(infrastructure: GatewayInfrastructure, path: str) -> Errors:
    yield from _keys(infrastructure.labels, f"{path}.labels", "Label")
    yield from _keys(infrastructure.annotations, f"{path}.annotations", "Annotation")
    if infrastructure.parameters_ref is not None:
        reference = infrastructure.parameters_ref
        yield from schema.object_name(reference.group, reference.kind, reference.name, f"{path}.parametersRef")


def _keys(given: Mapping[str, str], path: str, what: str) -> Errors:
    if len(given) > 8:
        yield FieldError.too_many(path, len(given), 8)
    well_formed = all(re.search(schema.KEY, key) for key in given)
    message = (
        f"{what} keys must be in the form of an optional DNS subdomain prefix followed by a required name segment of up"
        " to 63 characters."
    )
    yield from schema.rule(well_formed, path, message)
    message = (
        f"If specified, the {what.lower()} key's prefix must be a DNS subdomain not longer than 253 characters"
        " in total."
    )
    yield from schema.rule(all(len(key.split("/")[0]) < 253 for key in given), path, message)


def _listeners(spec: GatewaySpec) -> Errors:
    listeners, path = spec.listeners, "spec.listeners"
    if not listeners:
        yield FieldError.required(path)
    yield from schema.at_most(listeners, path, 64)
    for index, listener in enumerate(listeners):
        yield from _listener(listener, f"{path}[{index}]")
    yield from schema.keyed((each.name for each in listeners), path, "name")

    def rule(holds: bool, message: str) -> Errors:
        return schema.rule(holds, path, message, value="array")

    yield from rule(
        all(each.protocol not in _WITHOUT_TLS or each.tls is None for each in listeners),
        "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
    )
    yield from rule(
        all(each.protocol != "HTTPS" or each.tls is None or each.tls.mode in ("", "Terminate") for each in listeners),
        "tls mode must be Terminate for protocol HTTPS",
    )
    yield from rule(
        all(each.protocol not in _WITHOUT_HOSTNAME or not each.hostname for each in listeners),
        "hostname must not be specified for protocols ['TCP', 'UDP']",
    )
    names = {each.name for each in listeners}
    yield from rule(len(names) == len(listeners), "Listener name must be unique within the Gateway")
    places = {(each.port, each.protocol, each.hostname) for each in listeners}
    message = "Combination of port, protocol and hostname must be unique for each listener"
    yield from rule(len(places) == len(listeners), message)


def _listener(listener: Listener, path: str) -> Errors:
    yield from schema.text(listener.name, f"{path}.name", pattern=schema.SUBDOMAIN, most=253)
    yield from schema.hostname(listener.hostname, f"{path}.hostname")
    yield from schema.port(listener.port, f"{path}.port")
    yield from schema.text(listener.protocol, f"{path}.protocol", pattern=_PROTOCOL, most=255)
    if listener.tls is not None:
        yield from _tls(listener.tls, f"{path}.tls")
    if listener.allowed_routes is not None:
        yield from _allowed_routes(listener.allowed_routes, f"{path}.allowedRoutes")


def _tls(tls: ListenerTLSConfig, path: str) -> Errors:
    yield from schema.enumerated(tls.mode, f"{path}.mode", ("Terminate", "Passthrough"))
    yield from schema.at_most(tls.certificate_refs, f"{path}.certificateRefs", 64)
    for index, reference in enumerate(tls.certificate_refs):
        where = f"{path}.certificateRefs[{index}]"
        yield from schema.group(reference.group, f"{where}.group")
        yield from schema.kind(reference.kind, f"{where}.kind")
        yield from schema.name(reference.name, f"{where}.name")
        yield from schema.namespace(reference.namespace, f"{where}.namespace")
    if len(tls.options) > 16:
        yield FieldError.too_many(f"{path}.options", len(tls.options), 16)
    given = tls.mode != "Terminate" or bool(tls.certificate_refs or tls.options)
    yield from schema.rule(given, path, "certificateRefs or options must be specified when mode is Terminate")


def _allowed_routes(allowed: AllowedRoutes, path: str) -> Errors:
    yield from schema.at_most(allowed.kinds, f"{path}.kinds", 8)
    for index, each in enumerate(allowed.kinds):
        yield from schema.group(each.group, f"{path}.kinds[{index}].group")
        yield from schema.kind(each.kind, f"{path}.kinds[{index}].kind")
    if allowed.namespaces is not None:
        yield from schema.enumerated(allowed.namespaces.from_, f"{path}.namespaces.from", ("All", "Selector", "Same"))


def reference_grant(grant: ReferenceGrant) -> Errors:
    for where, given in (("spec.from", grant.spec.from_), ("spec.to", grant.spec.to)):
        if not given:
            yield FieldError.required(where)
        yield from schema.at_most(given, where, 16)
    for index, source in enumerate(grant.spec.from_):
        path = f"spec.from[{index}]"
        yield from schema.group(source.group, f"{path}.group")
        yield from schema.kind(source.kind, f"{path}.kind")
        if not source.namespace:
            yield FieldError.required(f"{path}.namespace")
        else:
            yield from schema.namespace(source.namespace, f"{path}.namespace")
    for index, target in enumerate(grant.spec.to):
        path = f"spec.to[{index}]"
        yield from schema.group(target.group, f"{path}.group")
        yield from schema.kind(target.kind, f"{path}.kind")
        yield from schema.optional(target.name, f"{path}.name", most=253)
