"""Containers of `podling run` on a cluster of this machine: Pods, what is left of stopped ones, published ports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from api import scheme
from images.errors import ImageError, NoSuchImage
from images.oci import RunConfig
from images.pulling import pull as pull_image
from images.reference import parse
from images.registry.trust import Trust
from images.store import Store
from podling import directory, docker_config
from podling.cli.output import note
from podling.cli.pods import POD
from podling.cli.rpc import Api, ServerError, Tree, api, tree
from podling.cli.waiting import wait_gone, wait_until
from podling.errors import CommandError
from podling.launcher import stored_plan
from podling.launcher.plan import Cluster
from podling.run import changes, container, publish, stopped_logs
from podling.run.container import FINALIZER, LABEL, REMOVE_LABEL, STOPPED_LABEL, Wish
from podling.run.publish import Published

_CONFIG_MAP = scheme.by_kind("v1", "ConfigMap")
_NODE = scheme.by_kind("v1", "Node")
# What a Pod is given while it runs, or to end it.
_OF_ONE_RUN = frozenset({"nodeName", "serviceAccountName", "activeDeadlineSeconds"})
_START_SECONDS = 60.0
_GONE_SECONDS = 60.0
_TROUBLE_SECONDS = 10.0


@contextmanager
def open_machine(dir: Path | None, namespace: str) -> Iterator[Machine]:
    """The cluster of a folder, and its store. Raises CommandError."""
    where = directory.resolve(dir)
    cluster = stored_plan.read(where)
    if cluster is None:
        raise CommandError(f"{where} holds no cluster: start one with `podling up --dir {where}`")
    with api(dir) as server:
        machine = Machine(server, cluster, namespace)
        machine.sweep()
        yield machine


class Machine:
    """Every method raises CommandError."""

    def __init__(self, server: Api, cluster: Cluster, namespace: str) -> None:
        self.server = server
        self.namespace = namespace
        self._cluster = cluster
        self._store = Store(cluster.image_store)

    def create(self, wish: Wish) -> Tree:
        """Make the Pod, its image at hand, its ports free."""
        config = self._image(wish)
        wanted = container.pod(wish, config)
        if "nodeSelector" in wanted["spec"]:
            wanted["spec"]["nodeSelector"]["kubernetes.io/hostname"] = wish.node or self._first_node()
        if self._stopped(wish.name) is not None:
            raise CommandError(f"the name {wish.name} is a stopped container's: podling start {wish.name}, or rm it")
        self._check_ports(wanted)
        _make_sources(wanted)
        return self._create(wanted)

    def await_start(self, name: str) -> None:
        """Until the container runs, or has run; a Pod that cannot start is removed again and why is said."""
        seen: list[Tree] = []
        began = time.monotonic()

        def settled(found: Tree | None) -> bool:
            if found is None:
                raise CommandError(f"container {name} was removed before it started")
            seen.append(found)
            states = [each["state"] for each in found.get("status", {}).get("containerStatuses", ())]
            if (states and "waiting" not in states[0]) or container.never_began(found):
                return True
            waited = time.monotonic() - began
            return bool(container.trouble(found)) and (waited > _TROUBLE_SECONDS or bool(states))

        if not wait_until(self.server, POD, self.namespace, name, settled, _START_SECONDS):
            raise CommandError(f"{name} is still being started: podling describe pod {name} says what it waits for")
        if reason := container.never_began(seen[-1]):
            self._delete(seen[-1], 0)
            raise CommandError(f"cannot start {name}: {reason}", exit_code=container.exit_code_of(reason))
        if trouble := container.trouble(seen[-1]):
            self._delete(seen[-1], 0)
            raise CommandError(f"cannot start {name}: {trouble}")
        self.publish()

    def list(self, *, ended: bool) -> list[Tree]:
        """The containers' Pods, those stopped as they were; the oldest first."""
        pods = [tree(item) for item in self.server.list(POD, self.namespace, label_selector=LABEL).items]
        if not ended:
            return [each for each in pods if each.get("status", {}).get("phase") in ("Pending", "Running")]
        kept = self.server.list(_CONFIG_MAP, self.namespace, label_selector=STOPPED_LABEL).items
        stopped = [json.loads(tree(item)["data"]["pod"]) for item in kept]
        return sorted([*pods, *stopped], key=lambda each: str(each["metadata"].get("creationTimestamp", "")))

    def stop(self, name: str, seconds: int) -> None:
        """End the container; remember its Pod and keep what it had written, its log too."""
        if self._stopped(name) is not None:
            return
        found = self._pod(name)
        held = [*found["metadata"].get("finalizers", ()), FINALIZER]
        self._patch(name, {"metadata": {"finalizers": held}})
        log = self._end_keeping(found, seconds) if container.runs(found) else self._log(found)
        image = self._keep_changes(name)
        self._remember(name, image, log)
        self.server.delete(POD, self.namespace, name, {"gracePeriodSeconds": 1})
        self._patch(name, {"metadata": {"finalizers": [each for each in held if each != FINALIZER] or None}})
        self._await_gone(found)
        self.publish()

    def end(self, name: str, seconds: int) -> None:
        """Delete the Pod and wait until its container has ended."""
        found = self._pod(name)
        self.server.delete(POD, self.namespace, name, {"gracePeriodSeconds": seconds})

        self._await_end(found, seconds)

    def _end_keeping(self, found: Tree, seconds: int) -> Tree:
        """End the container and have its node keep its files: those of deleted Pods go as soon as they have ended.

        What ends a Pod without deleting it is its deadline, which gives it the grace it was made with; for another
        grace it has to be deleted, and its files may be gone before they were kept. Its log is read while it ends.
        """
        name = found["metadata"]["name"]
        if seconds != found["spec"].get("terminationGracePeriodSeconds"):
            with ThreadPoolExecutor(1) as reader:
                log = reader.submit(self._log, found, seconds + _GONE_SECONDS)
                self.end(name, seconds)
                return log.result()
        self._patch(name, {"spec": {"activeDeadlineSeconds": 1}})
        self._await_end(found, seconds)
        return self._log(found)

    def _log(self, found: Tree, follow_seconds: float = 0) -> Tree:
        name, inner = found["metadata"]["name"], str(found["spec"]["containers"][0]["name"])
        return stopped_logs.read(self.server, self.namespace, name, inner, follow_seconds=follow_seconds)

    def _await_end(self, found: Tree, seconds: int) -> None:
        def ended(now: Tree | None) -> bool:
            return now is None or now["metadata"]["uid"] != found["metadata"]["uid"] or not container.runs(now)

        name = found["metadata"]["name"]
        if not wait_until(self.server, POD, self.namespace, name, ended, seconds + _GONE_SECONDS):
            raise CommandError(f"container {name} does not end: podling rm -f {name}")

    def start(self, name: str) -> None:
        """Bring a stopped container back."""
        kept = self._stopped(name)
        if kept is None:
            phase = self._pod(name).get("status", {}).get("phase", "")
            if phase in ("Pending", "Running"):
                return
            # It ended by itself: what it had written is kept the same way.
            self.stop(name, 0)
            kept = self._stopped(name)
        if kept is None:
            raise CommandError(f"there is no container {name} to start")
        wanted = _again(json.loads(kept["data"]["pod"]), kept["data"].get("image", ""))
        self._check_ports(wanted)
        self._create(wanted)
        self.server.delete(_CONFIG_MAP, self.namespace, kept["metadata"]["name"], {})
        self.await_start(name)

    def remove(self, name: str, *, force: bool) -> None:
        """Remove the container and what it had written."""
        kept = self._stopped(name)
        if kept is not None:
            self.server.delete(_CONFIG_MAP, self.namespace, kept["metadata"]["name"], {})
        else:
            found = self._pod(name)
            if not force and found.get("status", {}).get("phase") in ("Pending", "Running"):
                raise CommandError(f"container {name} is running: podling stop {name} first, or rm -f")
            self._delete(found, 0)
        with _image_errors():
            changes.forget(self._store, changes.image_name(self.namespace, name))
        self.publish()

    def inspect(self, name: str) -> Any:
        """A container's Pod, running or stopped; or an image's configuration."""
        kept = self._stopped(name) if "/" not in name and ":" not in name else None
        if kept is not None:
            return json.loads(kept["data"]["pod"])
        try:
            return self._pod(name)
        except CommandError:
            with _image_errors():
                return self._image_facts(name)

    def publish(self) -> None:
        """Make this machine's published ports those of the Pods there are."""
        pods = [tree(item) for item in self.server.list(POD, "", label_selector=LABEL).items]
        wanted = [
            Published(protocol, port, found["status"]["hostIP"])
            for found in pods
            if found.get("status", {}).get("phase") in ("Pending", "Running") and found["status"].get("hostIP")
            for port, _, protocol, _ in container.ports(found)
        ]
        publish.apply(self._cluster.id, self._cluster.bridge, wanted)

    def sweep(self) -> None:
        """Remove what was to be removed at its end (`run -d --rm`): there is no controller that would."""
        for item in self.server.list(POD, self.namespace, label_selector=f"{LABEL},{REMOVE_LABEL}=true").items:
            found = tree(item)
            if found.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                self._delete(found, 0, namespace=found["metadata"]["namespace"])

    def _image(self, wish: Wish) -> RunConfig | None:
        """The image's configuration, pulled first when it is missing, as Docker does."""
        with _image_errors():
            try:
                if wish.pull != "always":
                    return self._store.resolve(wish.image).config
            except NoSuchImage:
                if wish.pull == "never":
                    raise
            note(f"Unable to find image {wish.image!r} on this machine: pulling it")
            found = docker_config.credentials(parse(wish.image).repository)
            return pull_image(self._store, wish.image, Trust(), found).image.config

    def _first_node(self) -> str:
        names = sorted(tree(item)["metadata"]["name"] for item in self.server.list(_NODE).items)
        if not names:
            raise CommandError("the cluster has no nodes")
        return str(names[0])

    def _check_ports(self, wanted: Tree) -> None:
        for port, _, protocol, _ in container.ports(wanted):
            publish.check_free(port, protocol)
            for other in self.list(ended=False):
                if (port, protocol) in {(each[0], each[2]) for each in container.ports(other)}:
                    raise CommandError(f"port {port}/{protocol} is published by container {other['metadata']['name']}")

    def _create(self, wanted: Tree) -> Tree:
        name = wanted["metadata"]["name"]
        try:
            return self.server.create(POD, self.namespace, wanted)
        except ServerError as error:
            if error.already_exists:
                raise CommandError(
                    f"the name {name} is taken by a pod: podling rm -f {name}, or choose another"
                ) from None
            raise

    def _keep_changes(self, name: str) -> str:
        """The image of what a container had written; its own image where that cannot be had."""
        found = self._pod(name)
        own = str(found["spec"]["containers"][0]["image"])
        statuses = found.get("status", {}).get("containerStatuses") or [{}]
        identifier = str(statuses[0].get("containerID", "")).partition("://")[2]
        written = self._cluster.dir / "nodes" / found["spec"].get("nodeName", "") / "containers" / identifier / "upper"
        image = changes.image_name(self.namespace, name)
        try:
            changes.keep(self._store, own, written, image)
        except (ImageError, OSError) as error:
            note(f"what {name} had written is lost: {error}")
            return own
        return image

    def _remember(self, name: str, image: str, log: Tree) -> None:
        found = self._pod(name)
        body = {
            "metadata": {"name": f"stopped-{name}", "labels": {STOPPED_LABEL: name}},
            "data": {"pod": json.dumps(_settled(found)), "image": image, **log},
        }
        self.server.create(_CONFIG_MAP, self.namespace, {"apiVersion": "v1", "kind": "ConfigMap", **body})

    def _stopped(self, name: str) -> Tree | None:
        try:
            return self.server.get(_CONFIG_MAP, self.namespace, f"stopped-{name}")
        except ServerError as error:
            if error.not_found:
                return None
            raise

    def _pod(self, name: str) -> Tree:
        try:
            found = self.server.get(POD, self.namespace, name)
        except ServerError as error:
            if error.not_found:
                raise CommandError(f"there is no container {name}: podling ps -a lists them") from None
            raise
        if LABEL not in found["metadata"].get("labels", {}):
            raise CommandError(f"pod {name} was not started by podling run: podling delete pod {name}, and the like")
        return found

    def _patch(self, name: str, body: Tree) -> None:
        self.server.patch(POD, self.namespace, name, body)

    def _delete(self, found: Tree, seconds: int, namespace: str = "") -> None:
        where = namespace or self.namespace
        self.server.delete(POD, where, found["metadata"]["name"], {"gracePeriodSeconds": max(seconds, 1)})
        self._await_gone(found, where)

    def _await_gone(self, found: Tree, namespace: str = "") -> None:
        metadata = found["metadata"]
        where = namespace or self.namespace
        if not wait_gone(self.server, POD, where, metadata["name"], metadata["uid"], _GONE_SECONDS, lambda: None):
            raise CommandError(f"pod {metadata['name']} is still there: its node may be down")

    def _image_facts(self, name: str) -> Tree:
        image = self._store.resolve(name)
        _, _, _, config = self._store.documents(image)
        return {
            "Id": image.id,
            "Digest": image.digest,
            "Names": list(image.names),
            "Size": image.size_bytes,
            **msgspec.to_builtins(config),
        }


def _again(pod: Tree, image: str) -> Tree:
    """A Pod to be made anew of one that was."""
    metadata = {name: pod["metadata"][name] for name in ("name", "labels", "annotations") if name in pod["metadata"]}
    spec = {name: value for name, value in pod["spec"].items() if name not in _OF_ONE_RUN}
    for each in spec["containers"]:
        each["volumeMounts"] = [m for m in each.get("volumeMounts", ()) if not m["name"].startswith("kube-api-access")]
        each["image"] = image or each["image"]
    spec["volumes"] = [each for each in spec.get("volumes", ()) if not each["name"].startswith("kube-api-access")]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _settled(pod: Tree) -> Tree:
    """A Pod as it ended, without the marks of its deletion."""
    gone = ("deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "managedFields")
    return {**pod, "metadata": {name: value for name, value in pod["metadata"].items() if name not in gone}}


def _make_sources(wanted: Tree) -> None:
    """As Docker: a source of -v that is not there becomes a folder."""
    for path in container.sources(wanted):
        try:
            if not Path(path).exists():
                Path(path).mkdir(parents=True)
        except OSError as error:
            raise CommandError(f"-v {path}: {error.strerror}") from None


@contextmanager
def _image_errors() -> Iterator[None]:
    try:
        yield
    except ImageError as error:
        raise CommandError(str(error)) from None
