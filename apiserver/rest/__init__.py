"""The ecosystem's door: Kubernetes' REST API over HTTPS, on top of `apiserver.handler.Handler`."""
