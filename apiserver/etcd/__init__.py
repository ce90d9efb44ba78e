"""A thin etcd v3 client on grpc.aio: key-value calls, leases and a watch that survives disconnects.

This package and `cluster.client` are the only ones that see gRPC errors; it raises `etcd.errors` only.
"""
