"""How a process belongs to the cluster: connection, client, informers, queues, lifecycle, PKI."""

import os

# Before gRPC is first imported: our children only exec, and its preparations for a fork that goes on using it cost time
# and fill logs.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
