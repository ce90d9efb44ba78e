"""Templates as ControllerRevisions, and back. Pure.

Behaviour: upstream's history package. A revision's data is a strategic merge patch that puts the template back; its
name ends in a hash of the data and of the collisions met so far.
"""

from __future__ import annotations

from typing import Any

import msgspec

from api import codec
from api.types import ControllerRevision, ObjectMeta, PodTemplateSpec
from controllers.ownership import controller_reference

# On pods, and on the revisions of DaemonSets: which revision they are of.
REVISION_LABEL = "controller-revision-hash"
# On the revisions of StatefulSets.
HASH_LABEL = "controller.kubernetes.io/hash"

# Upstream's safe alphabet: no vowels, no letters or digits that look alike.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_PREFIX = 223
_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193


def template_patch(template: PodTemplateSpec) -> dict[str, Any]:
    """The strategic merge patch that makes an object's template this one."""
    tree = {**codec.to_tree(template), "$patch": "replace"}
    patch: dict[str, Any] = msgspec.json.decode(_sorted_json({"spec": {"template": tree}}))
    return patch


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The template a revision holds. Raises BadRequest when it holds something else."""
    data = revision.data if isinstance(revision.data, dict) else {}
    spec = data.get("spec")
    tree = spec.get("template") if isinstance(spec, dict) else None
    tree = {key: value for key, value in tree.items() if key != "$patch"} if isinstance(tree, dict) else {}
    return codec.from_tree(PodTemplateSpec, tree)


def data_hash(data: dict[str, Any], collision_count: int) -> str:
    """A short name for the data, another one for each count of collisions."""
    value = _FNV_OFFSET
    for byte in _sorted_json(data) + str(collision_count).encode():
        value = value * _FNV_PRIME & 0xFFFFFFFF ^ byte
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(value))


def new_revision(
    owner: Any, data: dict[str, Any], number: int, collision_count: int, hash_label: str
) -> ControllerRevision:
    """The revision to create for an owner's template, labelled with its hash under `hash_label`."""
    suffix = data_hash(data, collision_count)
    metadata = owner.metadata
    return ControllerRevision(
        metadata=ObjectMeta(
            name=f"{metadata.name[:_LONGEST_PREFIX]}-{suffix}",
            namespace=metadata.namespace,
            labels={**owner.spec.template.metadata.labels, hash_label: suffix},
            annotations=metadata.annotations,
            owner_references=[controller_reference(owner)],
        ),
        data=data,
        revision=number,
    )


def _sorted_json(tree: dict[str, Any]) -> bytes:
    """kubectl compares the bytes it would write itself: keys in alphabetical order."""
    return msgspec.json.encode(tree, order="sorted")
