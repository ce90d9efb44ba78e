"""A profile's plugins from what its settings enable, disable and weigh.

Source: upstream's KubeSchedulerConfiguration: `multiPoint` speaks of a plugin as a whole, the extension points by name
of one thing it does, and win. A plugin here has three things to do: refuse (preFilter), filter and score; preemption is
the postFilter of DefaultPreemption. What the queue and the binding do cannot be taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from scheduler.framework import Plugin, Profile
from scheduler.plugin_args import PLUGINS, ArgumentError, DefaultPreemptionArgs, VolumeBindingArgs, convert

DEFAULT_NAME = "default-scheduler"
PREEMPTION = "DefaultPreemption"
# Plugins of upstream's whose work the queue and the binding always do.
BUILT_IN = frozenset({"SchedulingGates", "PrioritySort", "DefaultBinder", PREEMPTION})


class ConfigError(Exception):
    """The configuration cannot be used; the message says why and where."""


class PluginChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plugin by name; weight 0 is the plugin's own."""

    name: str
    weight: int = 0


class PluginSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: list[PluginChoice] = []
    disabled: list[PluginChoice] = []


class Plugins(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Plugin sets by extension point."""

    multi_point: PluginSet = PluginSet()
    pre_enqueue: PluginSet = PluginSet()
    queue_sort: PluginSet = PluginSet()
    pre_filter: PluginSet = PluginSet()
    filter: PluginSet = PluginSet()
    post_filter: PluginSet = PluginSet()
    pre_score: PluginSet = PluginSet()
    score: PluginSet = PluginSet()
    reserve: PluginSet = PluginSet()
    permit: PluginSet = PluginSet()
    pre_bind: PluginSet = PluginSet()
    bind: PluginSet = PluginSet()
    post_bind: PluginSet = PluginSet()


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    args: dict[str, Any] = {}


class ProfileSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A profile as it is written."""

    scheduler_name: str = DEFAULT_NAME
    percentage_of_nodes_to_score: int = 0
    plugins: Plugins = Plugins()
    plugin_config: list[PluginConfig] = []


def build(settings: ProfileSettings) -> Profile:
    """The profile. Raises ConfigError."""
    args = {config.name: config.args for config in settings.plugin_config}
    _check_names(settings, args)
    plugins = []
    for name, make in PLUGINS.items():
        try:
            plugin = make(args.get(name, {}))
        except ArgumentError as error:
            raise ConfigError(f"profile {settings.scheduler_name}: pluginConfig of {name}: {error}") from None
        chosen = _reduced(plugin, settings.plugins)
        if chosen is not None:
            plugins.append(chosen)
    bind_timeout = convert(args.get("VolumeBinding", {}), VolumeBindingArgs).bind_timeout_seconds
    try:
        convert(args.get(PREEMPTION, {}), DefaultPreemptionArgs)
    except ArgumentError as error:
        raise ConfigError(f"profile {settings.scheduler_name}: pluginConfig of {PREEMPTION}: {error}") from None
    preempts = _is_on(PREEMPTION, settings.plugins.multi_point, settings.plugins.post_filter)
    return Profile(settings.scheduler_name, tuple(plugins), preempts, float(bind_timeout))


def _reduced(plugin: Plugin, plugins: Plugins) -> Plugin | None:
    """What is left of a plugin; None when nothing is."""
    name = plugin.name
    weights = [c.weight for s in (plugins.score, plugins.multi_point) for c in s.enabled if c.name == name and c.weight]
    filters = _is_on(name, plugins.multi_point, plugins.filter)
    refuses = filters and _is_on(name, plugins.multi_point, plugins.pre_filter)
    scores = _is_on(name, plugins.multi_point, plugins.score)
    reduced = replace(
        plugin,
        refuse=plugin.refuse if refuses else None,
        filter=plugin.filter if filters else None,
        score=plugin.score if scores else None,
        weight=weights[0] if weights else plugin.weight,
    )
    return reduced if reduced.refuse or reduced.filter or reduced.score else None


def _is_on(name: str, whole: PluginSet, point: PluginSet) -> bool:
    """Enabled by name at the extension point, else not disabled there and on as a whole."""
    if _names(name, point.enabled):
        return True
    if _names(name, point.disabled):
        return False
    return _names(name, whole.enabled) or not _names(name, whole.disabled)


def _names(name: str, choices: list[PluginChoice]) -> bool:
    return any(choice.name in (name, "*") for choice in choices)


def _check_names(settings: ProfileSettings, args: Mapping[str, Any]) -> None:
    known = {*PLUGINS, *BUILT_IN}
    sets = [getattr(settings.plugins, point) for point in Plugins.__struct_fields__]
    enabled = {choice.name for plugin_set in sets for choice in plugin_set.enabled}
    for name in sorted((enabled | set(args)) - known):
        raise ConfigError(f"profile {settings.scheduler_name}: there is no plugin {name}; there are {_listed(known)}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
