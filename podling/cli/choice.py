"""Objects named one by one, or chosen by label, or all of a type: for commands that change or await them."""

from __future__ import annotations

from podling.cli.rpc import Api, tree
from podling.cli.targets import Target
from podling.errors import CommandError


def names(server: Api, target: Target, *, selector: str, all: bool, namespace: str) -> tuple[str, ...]:
    """The names of the objects meant. Raises CommandError when they are both named and chosen, or neither."""
    if target.names:
        if selector or all:
            raise CommandError("name the objects, or select them with -l or --all, not both")
        return target.names
    if not (selector or all):
        raise CommandError(f"say which {target.resource.plural}: name them, or use -l SELECTOR or --all")
    page = server.list(target.resource, namespace, label_selector=selector)
    return tuple(tree(item)["metadata"]["name"] for item in page.items)
