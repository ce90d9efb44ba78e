"""Defaults of IngressClasses."""

from __future__ import annotations

from api.defaults.fill import fill, within
from api.types import IngressClass, IngressClassParametersReference, IngressClassSpec


def ingress_class(ingress_class: IngressClass) -> IngressClass:
    return within(ingress_class, spec=_spec)


def _spec(spec: IngressClassSpec) -> IngressClassSpec:
    return within(spec, parameters=_parameters)


def _parameters(parameters: IngressClassParametersReference) -> IngressClassParametersReference:
    return fill(parameters, scope="Cluster")
