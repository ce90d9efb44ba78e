"""`python -m tests.support.runtime_victim CONFIG`: runs pods without pause, to be killed at any moment."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from pathlib import Path

from kubelet.runtime.base import ContainerSpec, SandboxSpec, SecurityContext
from kubelet.runtime.oci.runtime import OciConfig, open_runtime


async def main() -> None:
    told = json.loads(sys.argv[1])
    paths = {name: Path(told[name]) for name in ("run_dir", "data_dir", "image_store")}
    config = OciConfig(**paths, pod_cidr=told["pod_cidr"], node_ip=told["node_ip"])
    async with open_runtime(config) as runtime:
        print("open", flush=True)
        for number in itertools.count():
            spec = SandboxSpec(
                pod_uid=f"u{number}", pod_name=f"p{number}", pod_namespace="default", cgroup_parent=told["cgroup"]
            )
            sandbox = await runtime.run_sandbox(spec)
            container = await runtime.create_container(
                ContainerSpec(
                    sandbox_id=sandbox.id,
                    name="main",
                    image="busybox",
                    command=["sleep", "1000"],
                    security=SecurityContext(seccomp="Unconfined"),
                )
            )
            await runtime.start_container(container.id)
            if number % 2:
                await runtime.stop_container(container.id, 0)
                await runtime.remove_sandbox(sandbox.id)


asyncio.run(main())
