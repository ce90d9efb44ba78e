"""How static pods and their mirrors are told from others: upstream's annotations."""

from __future__ import annotations

from api.types import Pod

CONFIG_SOURCE = "kubernetes.io/config.source"
CONFIG_HASH = "kubernetes.io/config.hash"
CONFIG_SEEN = "kubernetes.io/config.seen"
CONFIG_MIRROR = "kubernetes.io/config.mirror"


def is_static(pod: Pod) -> bool:
    """Whether the pod comes from a manifest of its node."""
    return pod.metadata.annotations.get(CONFIG_SOURCE, "api") != "api" and not is_mirror(pod)


def is_mirror(pod: Pod) -> bool:
    """Whether the pod only shows in the API server what a node runs by itself."""
    return CONFIG_MIRROR in pod.metadata.annotations


def mirrors(mirror: Pod, pod: Pod) -> bool:
    """Whether a mirror is of this very static pod, and not of an earlier manifest."""
    return mirror.metadata.annotations.get(CONFIG_MIRROR) == pod.metadata.annotations[CONFIG_HASH]
