"""The images a build stands on: of the store, or pulled when they are not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from images import oci
from images.archive import machine_architecture
from images.errors import ImageError, NoSuchImage
from images.image import Image
from images.oci import RunConfig
from images.pulling import pull
from images.reference import parse
from images.store import Store
from podling import docker_config
from podling.build.options import BuildOptions
from podling.errors import CommandError


@dataclass(frozen=True)
class Base:
    """What a stage begins with: configuration, layers (descriptor and diff id, lowest first), history."""

    config: RunConfig
    layers: Sequence[tuple[oci.Descriptor, str]] = ()
    history: Sequence[oci.History] = ()


def find(store: Store, name: str, options: BuildOptions) -> Base:
    """The image of a name. Raises CommandError."""
    try:
        image = _image(store, name, options)
        _, manifest, _, config = store.documents(image)
    except ImageError as error:
        raise CommandError(str(error)) from None
    if (config.architecture or machine_architecture()) != machine_architecture():
        raise CommandError(f"{name} is for linux/{config.architecture}, this machine is linux/{machine_architecture()}")
    history = config.history or [oci.History(created=config.created) for _ in manifest.layers]
    layers = list(zip(manifest.layers, config.rootfs.diff_ids, strict=True))
    return Base(config.config or RunConfig(), layers, history)


def _image(store: Store, name: str, options: BuildOptions) -> Image:
    parse(name)
    if not options.pull:
        try:
            return store.resolve(name)
        except NoSuchImage:
            pass
    found = docker_config.credentials(parse(name).repository)
    return pull(store, name, options.trust, found).image


def check_platform(platform: str) -> None:
    """Raise CommandError for another machine's."""
    system, _, rest = platform.partition("/")
    architecture = rest.partition("/")[0] or machine_architecture()
    if platform and (system, architecture) != ("linux", machine_architecture()):
        raise CommandError(f"cannot build for {platform} here: this machine is linux/{machine_architecture()}")
