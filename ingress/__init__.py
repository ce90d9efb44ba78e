"""Ingress (L7): Ingresses, Services, EndpointSlices and Secrets in, Envoy's configuration out, over xDS."""
