"""The node's gRPC server: logs, exec, attach and port-forward of its pods, for the API server."""
