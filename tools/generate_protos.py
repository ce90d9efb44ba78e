"""Write gRPC stubs for proto/*.proto into cluster/pb/.

The sources are mapped to the virtual path `cluster/pb`, so that the generated modules
import each other as `cluster.pb.X_pb2` wherever the project is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    sources = sorted((ROOT / "proto").glob("*.proto"))
    arguments = [
        "protoc",
        f"--proto_path=cluster/pb={ROOT / 'proto'}",
        # Google's own messages, which CSI uses.
        f"--proto_path={Path(grpc_tools.__path__[0]) / '_proto'}",
        f"--python_out={ROOT}",
        f"--grpc_python_out={ROOT}",
        *(f"cluster/pb/{source.name}" for source in sources),
    ]
    return int(protoc.main(arguments))


if __name__ == "__main__":
    sys.exit(main())
