"""DIR/kubeconfig: the admin's way in. What its owner added with `kubectl config` outlives the next `up`."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from api import yaml
from podling.launcher.plan import Cluster

Tree = dict[str, Any]
_LISTS = ("clusters", "users", "contexts")


def write(cluster: Cluster) -> None:
    """Write it, with what was there besides."""
    path = cluster.dir / "kubeconfig"
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        # JSON is YAML, and every client of a kubeconfig reads it.
        json.dump(merged(_config(cluster), _read(path)), file, indent=2)
    temporary.replace(path)


def merged(ours: Tree, found: Tree) -> Tree:
    """Our entries as they are to be, the others as they were found; our context keeps its namespace."""
    made = dict(ours)
    for key in _LISTS:
        names = {entry["name"] for entry in ours[key]}
        made[key] = [*ours[key], *(entry for entry in _entries(found, key) if entry["name"] not in names)]
    for entry in _entries(found, "contexts"):
        before = entry.get("context")
        if entry["name"] == ours["current-context"] and isinstance(before, dict) and "namespace" in before:
            [context] = ours["contexts"]
            made["contexts"][0] = {**context, "context": {**context["context"], "namespace": before["namespace"]}}
    if found.get("current-context") in {entry["name"] for entry in made["contexts"]}:
        made["current-context"] = found["current-context"]
    return made


def _entries(config: Tree, key: str) -> list[Tree]:
    entries = config.get(key)
    return [each for each in entries if isinstance(each, dict) and "name" in each] if isinstance(entries, list) else []


def _read(path: Path) -> Tree:
    """What is there; nothing where it cannot be read, for then it is made anew."""
    try:
        [found] = yaml.load_all(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _config(cluster: Cluster) -> Tree:
    def encoded(name: str) -> str:
        return base64.b64encode((cluster.pki / name).read_bytes()).decode()

    name = f"podling-{cluster.id}"
    server = {"server": f"https://{cluster.rest}", "certificate-authority-data": encoded("ca.crt")}
    user = {"client-certificate-data": encoded("admin.crt"), "client-key-data": encoded("admin.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": f"{name}-admin", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": f"{name}-admin"}}],
        "current-context": name,
        "preferences": {},
    }
