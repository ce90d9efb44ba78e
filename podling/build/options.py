"""What `podling build` was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from images.registry.trust import Trust
from podling.build.mounts import Secret

# Files of layers must have some time, and archives cannot tell of any before this one.
DEFAULT_EPOCH = 315532800  # 1980-01-01


@dataclass(frozen=True)
class BuildOptions:
    """`context` None: there are no files (the Dockerfile came from standard input). `network`: none or host, for RUN.

    `epoch`: seconds since 1970, the time of everything in the image (SOURCE_DATE_EPOCH).
    """

    context: Path | None
    dockerfile: bytes
    dockerfile_name: str
    ignore_text: str = ""
    names: Sequence[str] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    use_cache: bool = True
    pull: bool = False
    platform: str = ""
    network: str = "none"
    secrets: Sequence[Secret] = ()
    trust: Trust = field(default_factory=Trust)
    epoch: int = DEFAULT_EPOCH
