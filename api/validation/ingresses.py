"""Ingresses and their classes (upstream: pkg/apis/networking/validation)."""

from __future__ import annotations

import re
from collections.abc import Callable

from api import names
from api.errors import FieldError
from api.ingress_classes import OLD_CLASS
from api.types import (
    HTTPIngressPath,
    Ingress,
    IngressBackend,
    IngressClass,
    IngressClassParametersReference,
    IngressLoadBalancerIngress,
    IngressRule,
    IngressSpec,
    IngressTLS,
    TypedLocalObjectReference,
)
from api.validation.checks import Errors, immutable, ip_address, known, well_formed

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_FORBIDDEN_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_FORBIDDEN_ENDS = ("/..", "/.")
_SCOPES = ("Cluster", "Namespace")
_LONGEST_CONTROLLER = 250
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_WILDCARD = rf"\*\.{_SUBDOMAIN}"
_WILDCARD_MESSAGE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower"
    " case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
)
_LONGEST_HOST = 253
_NOT_AN_ADDRESS = "must be a DNS name, not an IP address"


def ingress(ingress: Ingress) -> Errors:
    yield from _spec(ingress.spec, ingress.spec)
    annotated, named = ingress.metadata.annotations.get(OLD_CLASS), ingress.spec.ingress_class_name
    if annotated is not None and named is not None and annotated != named:
        detail = "must match `ingressClassName` when both are specified"
        yield FieldError.invalid(f"annotations.{OLD_CLASS}", annotated, detail)


def ingress_update(new: Ingress, old: Ingress) -> Errors:
    """What was let in when less was asked for may stay: names of Secrets, rules of malformed wildcards."""
    yield from _spec(new.spec, old.spec, lenient=True)


def ingress_status(new: Ingress, old: Ingress) -> Errors:
    for index, each in enumerate(new.status.load_balancer.ingress):
        yield from _load_balancer(each, f"status.loadBalancer.ingress[{index}]")


def _spec(spec: IngressSpec, old: IngressSpec, *, lenient: bool = False) -> Errors:
    if not spec.rules and spec.default_backend is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        yield FieldError.invalid("spec", None if not spec.rules else list(spec.rules), detail)
    if spec.default_backend is not None:
        yield from _backend(spec.default_backend, "spec.defaultBackend")
    for index, rule in enumerate(spec.rules):
        yield from _rule(rule, f"spec.rules[{index}]")
    any_secret = lenient and any(_secret_messages(each.secret_name) for each in old.tls)
    for index, entry in enumerate(spec.tls):
        yield from _tls(entry, f"spec.tls[{index}]", any_secret=any_secret)
    if spec.ingress_class_name is not None:
        yield from well_formed(spec.ingress_class_name, "spec.ingressClassName", names.dns1123_subdomain)


def _tls(entry: IngressTLS, path: str, *, any_secret: bool) -> Errors:
    for index, host in enumerate(entry.hosts):
        yield from well_formed(host, f"{path}.hosts[{index}]", _host_check(host))
    if not any_secret:
        for message in _secret_messages(entry.secret_name):
            yield FieldError.invalid(f"{path}.secretName", entry.secret_name, message)


def _secret_messages(name: str) -> list[str]:
    return names.dns1123_subdomain(name) if name else []


def _host_check(host: str) -> Callable[[str], list[str]]:
    return wildcard_subdomain if "*" in host else names.dns1123_subdomain


def wildcard_subdomain(value: str) -> list[str]:
    """A name like *.example.com."""
    problems = [names.max_length_message(_LONGEST_HOST)] if len(value) > _LONGEST_HOST else []
    if not re.fullmatch(_WILDCARD, value):
        problems.append(names.regex_message(_WILDCARD_MESSAGE, _WILDCARD, "*.example.com"))
    return problems


def _rule(rule: IngressRule, path: str) -> Errors:
    if rule.host:
        if not names.ip_address(rule.host):
            yield FieldError.invalid(f"{path}.host", rule.host, _NOT_AN_ADDRESS)
        yield from well_formed(rule.host, f"{path}.host", _host_check(rule.host))
    if rule.http is None:
        return
    if not rule.http.paths:
        yield FieldError.required(f"{path}.http.paths")
    for index, each in enumerate(rule.http.paths):
        yield from _path(each, f"{path}.http.paths[{index}]")


def _path(each: HTTPIngressPath, path: str) -> Errors:
    if each.path_type is None:
        yield FieldError.required(f"{path}.pathType", "pathType must be specified")
        return
    where, text = f"{path}.path", each.path
    if each.path_type in ("Exact", "Prefix"):
        if not text.startswith("/"):
            yield FieldError.invalid(where, text, "must be an absolute path")
        for sequence in _FORBIDDEN_IN_PATHS:
            if sequence in text:
                yield FieldError.invalid(where, text, f"must not contain '{sequence}'")
        for end in _FORBIDDEN_ENDS:
            if text.endswith(end):
                yield FieldError.invalid(where, text, f"cannot end with '{end}'")
    elif each.path_type == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield FieldError.invalid(where, text, "must be an absolute path")
    else:
        yield from known(each.path_type, f"{path}.pathType", _PATH_TYPES)
    yield from _backend(each.backend, f"{path}.backend")


def _backend(backend: IngressBackend, path: str) -> Errors:
    if backend.resource is not None and backend.service is not None:
        yield FieldError.invalid(path, "", "cannot set both resource and service backends")
        return
    if backend.resource is not None:
        yield from _reference(backend.resource, f"{path}.resource")
        return
    if backend.service is None:
        yield FieldError.invalid(path, "", "resource or service backend is required")
        return
    service = backend.service
    if not service.name:
        yield FieldError.required(f"{path}.service.name")
    else:
        yield from well_formed(service.name, f"{path}.service.name", names.dns1123_label)
    if service.port.name and service.port.number:
        yield FieldError.invalid(path, "", "cannot set both port name & port number")
    elif service.port.name:
        yield from well_formed(service.port.name, f"{path}.service.port.name", names.port_name)
    elif service.port.number:
        for message in names.port_number(service.port.number):
            yield FieldError.invalid(f"{path}.service.port.number", service.port.number, message)
    else:
        yield FieldError.required(path, "port name or number is required")


def _reference(reference: TypedLocalObjectReference | IngressClassParametersReference, path: str) -> Errors:
    if reference.api_group is not None:
        yield from well_formed(reference.api_group, f"{path}.apiGroup", names.dns1123_subdomain)
    for name, value in (("kind", reference.kind), ("name", reference.name)):
        if not value:
            yield FieldError.required(f"{path}.{name}", f"{name} is required")
        else:
            yield from well_formed(value, f"{path}.{name}", names.path_segment)


def _load_balancer(each: IngressLoadBalancerIngress, path: str) -> Errors:
    if each.ip:
        yield from ip_address(each.ip, f"{path}.ip")
    if each.hostname:
        yield from well_formed(each.hostname, f"{path}.hostname", names.dns1123_subdomain)
        if not names.ip_address(each.hostname):
            yield FieldError.invalid(f"{path}.hostname", each.hostname, _NOT_AN_ADDRESS)


def ingress_class(ingress_class: IngressClass) -> Errors:
    spec = ingress_class.spec
    if len(spec.controller) > _LONGEST_CONTROLLER:
        yield FieldError.too_long("spec.controller", _LONGEST_CONTROLLER)
    yield from _domain_prefixed_path(spec.controller, "spec.controller")
    if spec.parameters is not None:
        yield from _parameters(spec.parameters, "spec.parameters")


def ingress_class_update(new: IngressClass, old: IngressClass) -> Errors:
    yield from immutable(new.spec.controller, old.spec.controller, "spec.controller")
    yield from ingress_class(new)


def _domain_prefixed_path(value: str, path: str) -> Errors:
    if not value:
        yield FieldError.required(path)
        return
    domain, _, rest = value.partition("/")
    if not domain or not rest:
        yield FieldError.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    yield from well_formed(domain, path, names.dns1123_subdomain)
    if not re.fullmatch(_HTTP_PATH, rest):
        yield FieldError.invalid(path, rest, names.regex_message("Invalid path", _HTTP_PATH))


def _parameters(parameters: IngressClassParametersReference, path: str) -> Errors:
    yield from _reference(parameters, path)
    if parameters.scope is None:
        yield FieldError.required(f"{path}.scope")
        return
    yield from known(parameters.scope, f"{path}.scope", _SCOPES)
    if parameters.scope == "Namespace":
        if parameters.namespace is None:
            yield FieldError.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
        else:
            yield from well_formed(parameters.namespace, f"{path}.namespace", names.dns1123_label)
    if parameters.scope == "Cluster" and parameters.namespace is not None:
        yield FieldError.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")
