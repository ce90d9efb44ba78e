"""Makes the images `busybox`, `python` and `redis` from what this machine has, so that a cluster needs no registry.

Run as `python -m images.bootstrap --root DIR`; does nothing when all are there and up to date.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from . import oci, recipes
from .errors import ImageError, NoSuchImage
from .store import DEFAULT_ROOT, Store

FINGERPRINT = "podling/source-fingerprint"
NAMES = ("busybox", "python", "redis")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def bootstrap(store: Store) -> list[str]:
    """Make what is missing or out of date; the names of the images made. Raises ImageError."""
    fingerprint = recipes.fingerprint()
    missing = [name for name in NAMES if not _is_current(store, name, fingerprint)]
    if not missing:
        return []
    labels = {FINGERPRINT: fingerprint}
    tools = recipes.busybox_layer()
    if "busybox" in missing:
        _build(store, "busybox", [tools], oci.RunConfig(env=[_PATH], cmd=["sh"], labels=labels))
    if "python" in missing:
        version = f"PYTHON_VERSION={'.'.join(map(str, sys.version_info[:3]))}"
        config = oci.RunConfig(env=[_PATH, "LANG=C.UTF-8", version], cmd=["python3"], labels=labels)
        _build(store, "python", [tools, recipes.python_layer()], config)
    if "redis" in missing:
        config = oci.RunConfig(env=[_PATH], cmd=["redis-server"], working_dir="/data", labels=labels)
        _build(store, "redis", [tools, recipes.redis_layer()], config)
    return missing


def _build(store: Store, name: str, layers: Sequence[Sequence[recipes.Entry]], config: oci.RunConfig) -> None:
    newest = max(recipes.newest(layer) for layer in layers)
    created = datetime.datetime.fromtimestamp(newest, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    writers = [functools.partial(recipes.write_entries, layer) for layer in layers]
    store.build(name, writers, config, created)


def _is_current(store: Store, name: str, fingerprint: str) -> bool:
    try:
        image = store.resolve(name)
    except NoSuchImage:
        return False
    whole = all(layer.is_dir() for layer in image.layers)
    return whole and (image.config.labels or {}).get(FINGERPRINT) == fingerprint


def main() -> int:
    """The command; 1 and one line on stderr when it cannot."""
    parser = argparse.ArgumentParser(prog="python -m images.bootstrap", description=__doc__)
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT, help="the image store (default: %(default)s)")
    store = Store(parser.parse_args().root)
    try:
        made = bootstrap(store)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name in NAMES:
        size = store.resolve(name).size_bytes / 1e6
        print(f"image {name}  {size:.1f} MB  {'made' if name in made else 'up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
