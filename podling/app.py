"""The command line as a whole; each group of commands lives with what it is about."""

from __future__ import annotations

from cyclopts import App

from podling.cli.app import mount
from podling.image_commands import image_app
from podling.launcher import commands


def build() -> App:
    """The `podling` App with every command."""
    app = App(name="podling", help="A Kubernetes cluster in Python, on this machine.", version="0.1.0")
    for command in (commands.up, commands.down, commands.status, commands.restart):
        app.command(command)
    app.command(commands.node_app)
    app.command(image_app)
    mount(app)
    return app
