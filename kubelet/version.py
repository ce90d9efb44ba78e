"""The versions this kubelet shows."""

from __future__ import annotations

from typing import Final

# The Kubernetes version whose behaviour the node follows; the suffix says whose kubelet it is.
KUBELET_VERSION: Final = "v1.32.4+podling"
PROBE_AGENT: Final = "kube-probe/1.32"
