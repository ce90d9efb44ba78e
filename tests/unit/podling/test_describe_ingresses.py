"""Ingresses and their classes described, compared whole with what kubectl 1.36 prints of the same objects."""

from __future__ import annotations

from api import codec
from api.types import EndpointSlice, Ingress, IngressClass, Service
from podling.describe import Related, describe

SERVICE = {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80}]}}
SLICE = {
    "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv4",
    "ports": [{"name": "http", "port": 8080}],
    "endpoints": [{"addresses": ["10.149.1.2"]}, {"addresses": ["10.149.1.3"]}],
}


def backend(name: str, port: dict[str, object]) -> dict[str, object]:
    return {"service": {"name": name, "port": port}}


def test_an_ingress_tells_what_is_behind_its_paths() -> None:
    paths = [
        {"path": "/", "pathType": "Prefix", "backend": backend("web", {"name": "http"})},
        {"path": "/no", "pathType": "Prefix", "backend": backend("nope", {"number": 80})},
    ]
    tree = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "ingressClassName": "podling",
            "tls": [{"hosts": ["a.org", "b.org"], "secretName": "cert"}],
            "rules": [{"host": "web.example.com", "http": {"paths": paths}}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "10.149.255.254"}]}},
    }
    related = Related(
        services=(codec.from_tree(Service, SERVICE),), endpoint_slices=(codec.from_tree(EndpointSlice, SLICE),)
    )
    assert describe(codec.from_tree(Ingress, tree), related, 0.0).splitlines() == [
        "Name:             web",
        "Labels:           <none>",
        "Namespace:        default",
        "Address:          10.149.255.254",
        "Ingress Class:    podling",
        "Default backend:  <default>",
        "TLS:",
        "  cert terminates a.org,b.org",
        "Rules:",
        "  Host             Path  Backends",
        "  ----             ----  --------",
        "  web.example.com  ",
        "                   /     web:http (10.149.1.2:8080,10.149.1.3:8080)",
        '                   /no   nope:80 (<error: services "nope" not found>)',
        "Annotations:       <none>",
        "Events:            <none>",
    ]


def test_a_class_tells_where_its_settings_are() -> None:
    spec = {"controller": "a.b/c", "parameters": {"apiGroup": "x.y", "kind": "K", "name": "n", "scope": "Cluster"}}
    tree = {"metadata": {"name": "it"}, "spec": spec}
    assert describe(codec.from_tree(IngressClass, tree), Related(), 0.0).splitlines() == [
        "Name:         it",
        "Labels:       <none>",
        "Annotations:  <none>",
        "Controller:   a.b/c",
        "Parameters:",
        "  APIGroup:  x.y",
        "  Kind:      K",
        "  Name:      n",
        "Events:      <none>",
    ]
