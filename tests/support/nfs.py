"""An NFS server for tests (nfs-ganesha, which needs nothing of the kernel)."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubelet.volumes.nfs import has_client as has_client
from tests.support.cluster import eventually
from tests.support.ports import free_port

SERVER = "ganesha.nfsd"
_CONFIG = """
NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {port}; Bind_addr = {address}; Enable_NLM = false; Enable_RQUOTA = false; }}
NFSv4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = {state}; }}
EXPORT {{
    Export_Id = 1; Path = {export}; Pseudo = /export; Access_Type = RW; Squash = No_Root_Squash;
    SecType = sys; Transports = TCP; FSAL {{ Name = VFS; }}
}}
"""


def can_be_mounted() -> bool:
    """Whether this machine has an NFS client in its kernel, the helper that sets mounts up, and the server."""
    return has_client() and None not in map(shutil.which, ("mount.nfs", SERVER))


@contextmanager
def served(export: Path, scratch: Path, address: str) -> Iterator[int]:
    """Serve a folder as ADDRESS:/export over NFS 4; gives the port."""
    port, state = free_port(), scratch / "state"
    state.mkdir(parents=True)
    config = scratch / "ganesha.conf"
    config.write_text(_CONFIG.format(address=address, port=port, state=state, export=export))
    command = (SERVER, "-F", "-f", str(config), "-L", str(scratch / "log"), "-p", str(scratch / "pid"))
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually("the NFS server answers", lambda: _answers(address, port))
        yield port
    finally:
        server.terminate()
        server.wait(30)


def _answers(address: str, port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address, port)) == 0
