"""Pod templates: telling them apart, naming replica sets after them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from msgspec.structs import replace

from api import codec
from api.types import Deployment, PodTemplateSpec, ReplicaSet

HASH_LABEL = "pod-template-hash"
# Upstream's safe alphabet: no vowels, no letters or digits that look alike.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: PodTemplateSpec, collision_count: int | None) -> str:
    """A short name for a template, another one for each count of collisions met so far."""
    digest = hashlib.blake2b(codec.encode(template), digest_size=4)
    if collision_count is not None:
        digest.update(collision_count.to_bytes(8, "little"))
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(int.from_bytes(digest.digest(), "big")))


def same_template(one: PodTemplateSpec, other: PodTemplateSpec) -> bool:
    """Equal but for the hash label."""
    return without_hash(one) == without_hash(other)


def find_new_set(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The oldest of the replica sets that has the deployment's template: a rollback finds its old set again."""
    for replica_set in by_age(replica_sets):
        if same_template(replica_set.spec.template, deployment.spec.template):
            return replica_set
    return None


def by_age(replica_sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """Oldest first."""
    return sorted(
        replica_sets,
        key=lambda replica_set: (replica_set.metadata.creation_timestamp or "", replica_set.metadata.name),
    )


def without_hash(template: PodTemplateSpec) -> PodTemplateSpec:
    """A replica set's template as its deployment had it."""
    labels = {key: value for key, value in template.metadata.labels.items() if key != HASH_LABEL}
    return replace(template, metadata=replace(template.metadata, labels=labels))
