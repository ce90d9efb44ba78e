"""The command line as a whole; each group of commands lives with what it is about.

Commands are named here and imported when they are used: `podling get` should not pay for the launcher.
"""

from __future__ import annotations

from typing import NoReturn

from cyclopts import App, CycloptsError, Parameter, UnknownCommandError

from podling.cli.app import mount
from podling.errors import CommandError

_COMMANDS = {
    "up": ("podling.launcher.commands:up", "Start a cluster, or bring a stopped or crashed one back."),
    "down": ("podling.launcher.commands:down", "Stop a cluster; its data stays."),
    "status": ("podling.launcher.commands:status", "List each process: pid, node, address, health, memory."),
    "restart": ("podling.launcher.commands:restart", "Restart one process."),
    "node": ("podling.launcher.commands:node_app", "Switch emulated nodes off and on."),
    "image": ("podling.image_commands:image_app", "The images pods can be run from."),
    "run": ("podling.run.commands:run", "Run a container of an image, without a controller."),
    "ps": ("podling.run.commands:ps", "List the containers that `run` started."),
    "stop": ("podling.run.commands:stop", "Stop containers."),
    "start": ("podling.run.commands:start", "Start stopped containers again."),
    "rm": ("podling.run.commands:rm", "Remove containers."),
    "inspect": ("podling.run.commands:inspect", "Show containers or images in full."),
    "build": ("podling.build.command:build", "Make an image as a Dockerfile says."),
    "images": ("podling.image_commands:ls", "List the images."),
    "load": ("podling.image_commands:load", "Take the images of an archive."),
    "save": ("podling.image_commands:save", "Write images into an archive."),
    "tag": ("podling.image_commands:tag", "Give an image one more name."),
    "rmi": ("podling.image_commands:rm", "Remove images by name."),
    "pull": ("podling.registry_commands:pull", "Fetch an image from its registry."),
    "push": ("podling.registry_commands:push", "Give an image to its registry."),
    "login": ("podling.registry_commands:login", "Keep credentials for a registry."),
    "logout": ("podling.registry_commands:logout", "Forget a registry's credentials."),
}


def build() -> App:
    """The `podling` App with every command."""
    app = App(
        name="podling",
        help="A Kubernetes cluster in Python, on this machine.",
        version="0.1.0",
        error_formatter=_refuse,
        # What is off or empty unless asked for need not be said.
        default_parameter=Parameter(show_default=_shown_default),
    )
    for name, (path, purpose) in _COMMANDS.items():
        app.command(path, name=name, help=purpose)
    mount(app)
    return app


def _refuse(error: CycloptsError) -> NoReturn:
    """A wrong command line is said like every other failure."""
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        group = " ".join(("podling", *(error.command_chain or ())))
        raise CommandError(
            f'there is no command "{group} {error.unused_tokens[0]}": `{group} --help` lists them'
        ) from None
    words = " ".join(str(error).split()).rstrip(",. ")
    raise CommandError(f"{words}; --help shows how it is used") from None


def _shown_default(value: object) -> str | None:
    """What the help says of a default; None for nothing."""
    return str(value) if value else None
