"""`podling apply`: make objects be as written, leaving alone what others have set.

Behaviour: kubectl's client-side apply. What was applied last is kept in an annotation, so that a field dropped from
the file is dropped from the object (`api.patch.create_three_way_merge_patch`).
"""

from __future__ import annotations

import json
from typing import Any

from api.patch import create_three_way_merge_patch
from podling.cli import manifests
from podling.cli.each import each
from podling.cli.manifests import Manifest
from podling.cli.options import Dir, Files, MaybeNamespace
from podling.cli.output import note, say
from podling.cli.rpc import STRATEGIC, Api, ServerError, api
from podling.cli.targets import label
from podling.errors import CommandError

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# What Go's encoder escapes, so that kubectl finds the annotation as it would have written it.
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "&<>\u2028\u2029"}

Tree = dict[str, Any]


def apply(*, filename: Files = None, namespace: MaybeNamespace = None, dir: Dir = None) -> None:
    """Create the objects of files, or change those that are there to what the files say."""
    wanted = manifests.read(filename, namespace)
    with api(dir) as server:
        each(wanted, lambda manifest: _apply_named(server, manifest))


def annotated(manifest: Manifest) -> Tree:
    """The object with itself, as written, in the annotation. Pure."""
    metadata = dict(manifest.body.get("metadata") or {})
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    metadata["annotations"] = annotations
    if manifest.namespace:
        metadata["namespace"] = manifest.namespace
    written = {**manifest.body, "metadata": metadata}
    text = json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPED) + "\n"
    return {**written, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}}}


def _apply_named(server: Api, manifest: Manifest) -> None:
    with manifests.refusals_named(manifest):
        _apply(server, manifest)


def _apply(server: Api, manifest: Manifest) -> None:
    resource, name = manifest.resource, manifest.name
    if not name:
        raise CommandError(f"{manifest.source}: a {resource.kind} without metadata.name can only be created")
    wanted = annotated(manifest)
    shown = label(resource, name)
    try:
        live = server.get(resource, manifest.namespace, name)
    except ServerError as error:
        if not error.not_found:
            raise
        server.create(resource, manifest.namespace, wanted)
        say(f"{shown} created")
        return
    last = live.get("metadata", {}).get("annotations", {}).get(LAST_APPLIED)
    if last is None:
        note(f"Warning: {shown} was not made by apply: what it has beyond the file stays")
    patch = create_three_way_merge_patch(resource.record, _original(shown, last), wanted, live)
    if not patch:
        say(f"{shown} unchanged")
        return
    server.patch(resource, manifest.namespace, name, patch, patch_type=STRATEGIC)
    say(f"{shown} configured")


def _original(shown: str, last: str | None) -> Tree | None:
    if not last:
        return None
    try:
        original: Tree = json.loads(last)
    except ValueError:
        raise CommandError(f"{shown}: its annotation {LAST_APPLIED} is not JSON: remove the annotation") from None
    return original
