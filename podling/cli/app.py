"""The commands on objects, ready to be mounted on the `podling` App.

Each is imported when it is used: `podling get` should not pay for `podling drain`.
"""

from __future__ import annotations

from cyclopts import App

_COMMANDS = {
    "get": "podling.cli.get:get",
    "describe": "podling.cli.describe:describe",
    "apply": "podling.cli.apply:apply",
    "create": "podling.cli.create:create",
    "delete": "podling.cli.delete:delete",
    "scale": "podling.cli.scale:scale",
    "rollout": "podling.cli.rollout:rollout",
    "logs": "podling.cli.logs:logs",
    "exec": "podling.cli.exec_:exec_",
    "events": "podling.cli.events:events",
    "label": "podling.cli.label:label",
    "annotate": "podling.cli.label:annotate",
    "wait": "podling.cli.wait:wait",
    "cordon": "podling.cli.drain:cordon",
    "uncordon": "podling.cli.drain:uncordon",
    "drain": "podling.cli.drain:drain",
    "api-resources": "podling.cli.api_resources:api_resources",
}


def mount(app: App) -> None:
    """Add every command to `app`."""
    for name, path in _COMMANDS.items():
        app.command(path, name=name)
