"""The file of `--config`: upstream's KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1).

What of it can matter here is read: profiles with their plugins and the plugins' arguments, and the queue's back-off.
Settings of things that are not there (clientConnection, leaderElection, parallelism, percentageOfNodesToScore: all
nodes are scored at once) are accepted and have no effect; extenders are refused. Raises ConfigError.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from api.errors import BadRequest
from scheduler.framework import Profile
from scheduler.profiles import DEFAULT_NAME, ConfigError, ProfileSettings, build
from scheduler.queue import FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS

API_VERSION = "kubescheduler.config.k8s.io/v1"
KIND = "KubeSchedulerConfiguration"


class File(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The file's fields."""

    api_version: str = ""
    kind: str = ""
    profiles: list[ProfileSettings] = []
    pod_initial_backoff_seconds: float = FIRST_BACKOFF_SECONDS
    pod_max_backoff_seconds: float = MAX_BACKOFF_SECONDS
    percentage_of_nodes_to_score: int = 0
    parallelism: int = 16
    extenders: list[Any] = []
    client_connection: dict[str, Any] = {}
    leader_election: dict[str, Any] = {}
    enable_profiling: bool = False
    enable_contention_profiling: bool = False
    delay_cache_until_active: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the scheduler goes by. Back-off in seconds."""

    profiles: dict[str, Profile]
    first_backoff: float = FIRST_BACKOFF_SECONDS
    max_backoff: float = MAX_BACKOFF_SECONDS


def default(scheduler_name: str) -> Settings:
    """Without a file: one profile of upstream's default plugins."""
    profile = build(ProfileSettings(scheduler_name=scheduler_name))
    return Settings({profile.name: profile})


def read(path: Path) -> Settings:
    """The settings in a file."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"cannot read the configuration {path}: {reason}") from None
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(text: str) -> Settings:
    """The settings in a file's text."""
    # Only who has a file pays for reading YAML.
    from api import yaml

    try:
        trees = yaml.load_all(text)
    except yaml.YamlError as error:
        raise ConfigError(str(error)) from None
    if len(trees) != 1:
        raise ConfigError(f"one {KIND} is expected, not {len(trees)}")
    try:
        file = msgspec.convert(trees[0], File)
    except (msgspec.ValidationError, BadRequest) as error:
        raise ConfigError(str(error)) from None
    _check(file)
    profiles: dict[str, Profile] = {}
    for number, settings in enumerate(file.profiles or [ProfileSettings()]):
        profile = build(settings)
        if profile.name in profiles:
            raise ConfigError(f"profiles[{number}].schedulerName: {profile.name} is there twice")
        profiles[profile.name] = profile
    return Settings(profiles, file.pod_initial_backoff_seconds, file.pod_max_backoff_seconds)


def _check(file: File) -> None:
    if (file.api_version, file.kind) != (API_VERSION, KIND):
        said = f"{file.api_version or 'no apiVersion'}, {file.kind or 'no kind'}"
        raise ConfigError(f"{API_VERSION}, {KIND} is expected, not {said}")
    if file.extenders:
        raise ConfigError("extenders: there is no support for extenders")
    if file.pod_initial_backoff_seconds <= 0:
        raise ConfigError("podInitialBackoffSeconds: must be greater than 0")
    if file.pod_max_backoff_seconds < file.pod_initial_backoff_seconds:
        raise ConfigError("podMaxBackoffSeconds: must be greater than or equal to podInitialBackoffSeconds")
    names = [settings.scheduler_name or DEFAULT_NAME for settings in file.profiles]
    if len(names) > 1 and any(not settings.scheduler_name for settings in file.profiles):
        raise ConfigError("profiles: each of several profiles needs a schedulerName")
