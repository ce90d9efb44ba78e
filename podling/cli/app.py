"""The commands on objects, ready to be mounted on the `podling` App.

Each is imported when it is used: `podling get` should not pay for `podling drain`.
"""

from __future__ import annotations

from cyclopts import App

_COMMANDS = {
    "get": ("podling.cli.get:get", "Show objects as tables, YAML or JSON; once, or as they change."),
    "describe": ("podling.cli.describe:describe", "Describe objects in full."),
    "apply": ("podling.cli.apply:apply", "Make objects be as files say."),
    "create": ("podling.cli.create:create", "Create objects from files, or simple ones from a few words."),
    "delete": ("podling.cli.delete:delete", "Delete objects."),
    "scale": ("podling.cli.scale:scale", "Set the number of replicas."),
    "rollout": ("podling.cli.rollout:rollout", "See how a deployment's change goes; go back to an earlier one."),
    "logs": ("podling.cli.logs:logs", "Show what containers have written."),
    "exec": ("podling.cli.exec_:exec_", "Run a command in a container."),
    "events": ("podling.cli.events:events", "Show what has happened."),
    "label": ("podling.cli.label:label", "Set or remove labels."),
    "annotate": ("podling.cli.label:annotate", "Set or remove annotations."),
    "wait": ("podling.cli.wait:wait", "Wait until something holds for objects, or they are gone."),
    "cordon": ("podling.cli.drain:cordon", "Let no more pods onto nodes."),
    "uncordon": ("podling.cli.drain:uncordon", "Let pods onto nodes again."),
    "drain": ("podling.cli.drain:drain", "Evict a node's pods."),
    "api-resources": ("podling.cli.api_resources:api_resources", "Show the types of objects."),
}


def mount(app: App) -> None:
    """Add every command to `app`."""
    for name, (path, purpose) in _COMMANDS.items():
        app.command(path, name=name, help=purpose)
