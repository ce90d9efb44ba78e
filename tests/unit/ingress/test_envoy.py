"""What Envoy is started with."""

from __future__ import annotations

import json
from pathlib import Path

from ingress import envoy


def test_the_command_names_the_sockets_and_the_wheels_binary() -> None:
    args = envoy.build_parser().parse_args(["--xds-socket", "/run/x.sock", "--admin-socket", "/run/a.sock"])
    command = envoy.command(args)
    assert Path(command[0]).is_file()
    config = json.loads(command[command.index("--config-yaml") + 1])
    assert config["admin"]["address"]["pipe"]["path"] == "/run/a.sock"
    assert "/run/x.sock" in json.dumps(config["static_resources"])
    assert config["dynamic_resources"]["ads_config"]["api_type"] == "DELTA_GRPC"
