"""Carrying out a Dockerfile: stages as far as the target needs them, each instruction a step, steps found in the cache.

What an instruction means for the configuration is `state`'s; what it does to files is `steps`'.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from images import oci
from images.archive import machine_architecture
from images.build_cache import CacheEntry
from images.errors import ImageError
from images.image import Image
from images.incoming import Incoming
from images.reference import parse as parse_name
from images.store import Store
from podling.build import bases, cache, dockerfile, stages
from podling.build import state as states
from podling.build.bases import Base
from podling.build.dockerfile import DockerfileError, Instruction
from podling.build.options import BuildOptions
from podling.build.progress import Progress
from podling.build.stages import SCRATCH, Stage
from podling.build.state import Inputs, State
from podling.build.workspace import Mounted, Workspace
from podling.errors import CommandError

Layers = Sequence[tuple[oci.Descriptor, str]]


@dataclass(frozen=True)
class Built:
    """A stage so far: its configuration and its layers (descriptor and diff id, lowest first)."""

    state: State
    layers: tuple[tuple[oci.Descriptor, str], ...]
    history: tuple[oci.History, ...]

    @property
    def diff_ids(self) -> list[str]:
        """What its files are, in short."""
        return [diff_id for _, diff_id in self.layers]


class Build:
    """One build. `received`: the folder of the store that new layers are made in."""

    def __init__(self, store: Store, received: Incoming, options: BuildOptions, progress: Progress) -> None:
        from podling.build.steps import Steps

        self.store = store
        self.received = received
        self.options = options
        self.progress = progress
        self.workspace = Workspace(received, options.epoch)
        self.created = datetime.datetime.fromtimestamp(options.epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        file = dockerfile.parse(options.dockerfile, options.dockerfile_name)
        platform = _platform_arguments()
        known = stages.global_arguments(file, options.arguments, platform)
        self.inputs = Inputs(file, options.arguments, known, platform)
        self.stages = stages.split(file, known)
        self._built: dict[int, Built] = {}
        self._steps = Steps(self)

    def run(self) -> Image:
        """Build the target and name it. Raises CommandError."""
        target = stages.target(self.stages, self.options.target)
        self._warn_of_unused()
        built = self.stage(target)
        return self._finish(built)

    def stage(self, stage: Stage) -> Built:
        """A stage, built once. Raises CommandError."""
        if stage.index not in self._built:
            self._built[stage.index] = self._build(stage)
        return self._built[stage.index]

    def folders(self, layers: Layers) -> list[Path]:
        """Where the unpacked layers are, lowest first."""
        found = []
        for _, diff_id in layers:
            own = self.received.layer(diff_id)
            found.append(own if own.is_dir() else self.store.layer_folder(diff_id))
        return found

    def make(self, built: Built, instruction: Instruction, key: str, work: Callable[[Mounted], None]) -> Built:
        """A step that changes files: from the cache, or by doing `work` in the stage's root file system."""
        entry = cache.find(self.store, key) if self.options.use_cache else None
        if entry is not None:
            self.progress.cached()
        else:
            with self.workspace.mounted(self.folders(built.layers)) as mounted:
                work(mounted)
                layer = self.workspace.layer(mounted)
            entry = CacheEntry(layer.digest, layer.size) if layer else CacheEntry()
            self.store.keep_built(self.received, key, entry)
            self.progress.done()
        history = oci.History(created=self.created, created_by=instruction.text, empty_layer=not entry.digest)
        layers = built.layers
        if entry.digest:
            layers = (*layers, (oci.Descriptor(oci.LAYER, entry.digest, entry.size), entry.digest))
        return replace(built, layers=layers, history=(*built.history, history))

    def _build(self, stage: Stage) -> Built:
        base = self._base(stage)
        triggers = [
            dockerfile.parse_onbuild(text, self.inputs.dockerfile.file, stage.start.line)
            for text in base.config.on_build or ()
        ]
        instructions = [*triggers, *stage.instructions]
        count = len(instructions) + 1
        self.progress.step(f"[{stage.label} 1/{count}] {stage.start.text}")
        built = Built(states.begin(base.config), tuple(base.layers), tuple(base.history))
        for number, instruction in enumerate(instructions, 2):
            self.progress.step(f"[{stage.label} {number}/{count}] {instruction.text}")
            try:
                built = self._steps.take(stage, built, instruction)
            except DockerfileError:
                raise
            except (CommandError, ImageError) as error:
                raise self.inputs.dockerfile.error(instruction, str(error)) from error
        return built

    def _base(self, stage: Stage) -> Base:
        try:
            bases.check_platform(stage.platform or self.options.platform)
            if isinstance(stage.base, int):
                built = self.stage(self.stages[stage.base])
                return Base(built.state.config, built.layers, built.history)
            if stage.base == SCRATCH:
                return Base(oci.RunConfig())
            return bases.find(self.store, stage.base, self.options)
        except DockerfileError:
            raise
        except CommandError as error:
            raise self.inputs.dockerfile.error(stage.start, str(error)) from error

    def _finish(self, built: Built) -> Image:
        config = built.state.config
        if self.options.labels:
            config = msgspec.structs.replace(config, labels={**(config.labels or {}), **self.options.labels})
        document = oci.ImageConfig(
            architecture=machine_architecture(),
            os="linux",
            rootfs=oci.RootFs(built.diff_ids),
            config=config,
            created=self.created,
            history=list(built.history),
        )
        data = msgspec.json.encode(document)
        described = oci.Descriptor(oci.CONFIG, oci.digest_of(data), len(data))
        manifest = msgspec.json.encode(oci.Manifest(described, [layer for layer, _ in built.layers]))
        names = [str(parse_name(name)) for name in self.options.names]
        # The store knows images by name: one that was given none is called by its id.
        names = names or [str(parse_name(f"build:{described.digest.removeprefix('sha256:')[:12]}"))]
        if not built.layers:
            raise CommandError(f"{self.inputs.dockerfile.file}: the image would be empty: nothing was copied or run")
        return self.store.adopt(self.received, manifest, data, dict.fromkeys(names, ""))

    def _warn_of_unused(self) -> None:
        declared = {
            word.partition("=")[0]
            for instruction in self.inputs.dockerfile.instructions
            if instruction.keyword == "ARG"
            for word in instruction.rest.split()
        }
        unused = sorted(set(self.options.arguments) - declared - states.PROXY_ARGUMENTS)
        if unused:
            self.progress.warn(f"no ARG declares the build arguments {', '.join(unused)}")


def _platform_arguments() -> Mapping[str, str]:
    architecture = machine_architecture()
    values = {"PLATFORM": f"linux/{architecture}", "OS": "linux", "ARCH": architecture, "VARIANT": ""}
    return {f"{side}{name}": value for side in ("TARGET", "BUILD") for name, value in values.items()}
