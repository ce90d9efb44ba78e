"""How well a process is: asks its status server's /readyz, reads its memory."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path

from podling.launcher.plan import Cluster

ANSWER_SECONDS = 2.0
PAGE_BYTES = 4096


def admin_tls(cluster: Cluster) -> ssl.SSLContext:
    """How the admin speaks to status servers."""
    context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
    context.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")
    return context


def readyz(address: tuple[str, int], context: ssl.SSLContext) -> str:
    """`ok`, or what is wrong in a few words. Waits at most ANSWER_SECONDS."""
    connection = http.client.HTTPSConnection(*address, context=context, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except TimeoutError:
        return "failing: no answer"
    except (OSError, http.client.HTTPException):
        return "starting"
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return "ok"
    failed = [line[3:].split(" ")[0] for line in body.splitlines() if line.startswith("[-]")]
    return f"failing: {', '.join(failed) or 'not ready'}"


def rss_bytes(pid: int) -> int:
    """Resident memory; 0 when the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
