"""How long `podling up` takes, and how much memory its processes keep when idle."""

from __future__ import annotations

import subprocess
import sys
import time

from bench import environment
from bench.results import Row
from podling.launcher.plan import Cluster

RUNS = 3
NODES = 3
# The processes of such a cluster that are Python: three of the control plane, two a node.
PYTHON_PROCESSES = 3 + 2 * NODES
BARE = "import grpc, grpc.aio, uvloop, msgspec"


def measure_up() -> list[Row]:
    """From nothing to every node Ready, each time in a new directory; beside as many bare Pythons that import gRPC."""
    times, bare = [], []
    for _ in range(RUNS):
        bare.append(_bare_processes())
        with environment.directory() as path:
            started = time.monotonic()
            environment.up(path, NODES)
            times.append(time.monotonic() - started)
            environment.down(path)
    best = sorted(times)[len(times) // 2]
    return [
        Row(
            f"`podling up --nodes {NODES}` to all Ready, median of {RUNS}",
            f"{best:.2f} s",
            f"{sorted(bare)[len(bare) // 2]:.2f} s for {PYTHON_PROCESSES} Pythons that only import gRPC",
            "≤ 2.5 s",
            best <= 2.5,
        )
    ]


def measure_memory(cluster: Cluster) -> list[Row]:
    """Resident memory as `podling status` shows it, some seconds after start."""
    time.sleep(5)
    rss = {name: megabytes for name, (_, megabytes) in environment.processes(cluster).items()}
    control = sum(rss[name] for name in ("etcd", "apiserver", "scheduler", "controllers"))
    kubelet = max(value for name, value in rss.items() if name.startswith("kubelet"))
    proxy = max(value for name, value in rss.items() if name.startswith("kube-proxy"))
    bare = _bare_megabytes()
    parts = ", ".join(f"{name} {rss[name]:.0f}" for name in ("etcd", "apiserver", "scheduler", "controllers"))
    return [
        Row(
            "resident: etcd + apiserver + scheduler + controllers, idle",
            f"{control:.0f} MB ({parts})",
            f"{bare:.0f} MB for a Python that only imports gRPC",
            "≤ 260 MB",
            control <= 260,
        ),
        Row("resident: each kubelet", f"{kubelet:.0f} MB", f"{bare:.0f} MB, the same", "≤ 60 MB", kubelet <= 60),
        Row("resident: each kube-proxy", f"{proxy:.0f} MB", f"{bare:.0f} MB, the same", "≤ 45 MB", proxy <= 45),
    ]


def _bare_processes() -> float:
    started = time.monotonic()
    processes = [subprocess.Popen([sys.executable, "-c", BARE]) for _ in range(PYTHON_PROCESSES)]
    for process in processes:
        process.wait()
    return time.monotonic() - started


def _bare_megabytes() -> float:
    program = f"{BARE}; print(open('/proc/self/statm').read().split()[1])"
    pages = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return int(pages) * 4096 / 1e6
