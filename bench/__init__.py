"""Benchmarks: `make bench`. Each figure stands beside a yardstick taken in the same run, on the same machine."""

import os

# Before gRPC is first imported: our children only exec, and its words about each of them would drown the table.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
