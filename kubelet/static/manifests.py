"""From the text of a manifest to the static pod it stands for. Pure.

Source: upstream's pkg/kubelet/config (common.go, applyDefaults; file.go): uid and hash of the pod are made of node and
manifest, so a changed manifest is another pod of the same name.
"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from api import codec, defaults, timestamps, validation
from api.errors import StatusError
from api.types import Pod, PodSpec, Toleration
from api.yaml import YamlError, load_all
from kubelet.pods.static import CONFIG_HASH, CONFIG_SEEN, CONFIG_SOURCE


class ManifestFailure(Exception):
    """The file is no manifest of a pod. The text says why."""


def static_pod(text: bytes, node_name: str, now: float) -> Pod:
    """The pod of one manifest, YAML or JSON. Raises ManifestFailure."""
    pod = _parsed(text)
    digest = hashlib.md5(b"host:" + node_name.encode() + b"file:" + text, usedforsecurity=False).hexdigest()
    given = pod.metadata
    annotations = {
        **given.annotations,
        CONFIG_HASH: digest,
        CONFIG_SEEN: timestamps.micro_text(now),
        CONFIG_SOURCE: "file",
    }
    metadata = replace(
        given,
        name=f"{given.name}-{node_name.lower()}",
        namespace=given.namespace or "default",
        uid=given.uid or digest,
        annotations=annotations,
    )
    # Nothing but its file ends a static pod.
    tolerant = Toleration(operator="Exists", effect="NoExecute")
    spec = replace(pod.spec, node_name=node_name, tolerations=[*pod.spec.tolerations, tolerant])
    made = defaults.apply(replace(pod, metadata=metadata, spec=spec))
    problems = [f"{problem.field}: {problem.detail}" for problem in validation.create(made)]
    problems += _api_references(made.spec)
    if problems:
        raise ManifestFailure("; ".join(problems))
    return made


def _parsed(text: bytes) -> Pod:
    try:
        documents = load_all(text)
        if len(documents) != 1:
            raise ManifestFailure(f"it holds {len(documents)} documents; a manifest is one Pod")
        tree = documents[0]
        if not isinstance(tree, dict) or (tree.get("apiVersion"), tree.get("kind")) != ("v1", "Pod"):
            raise ManifestFailure("it is not a Pod of v1")
        return codec.from_tree(Pod, tree)
    except (YamlError, UnicodeDecodeError) as error:
        raise ManifestFailure(str(error)) from error
    except StatusError as error:
        raise ManifestFailure(error.message) from error


def _api_references(spec: PodSpec) -> list[str]:
    """A static pod runs without the API server, so it cannot need objects of it (upstream: the same refusal)."""
    found = []
    if spec.service_account_name:
        found.append("static pods may not reference serviceaccounts")
    for kind in ("config_map", "secret", "persistent_volume_claim"):
        if any(getattr(volume, kind) is not None for volume in spec.volumes):
            found.append(f"static pods may not reference {kind.replace('_', '')}s")
    return found
