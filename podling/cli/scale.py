"""`podling scale`: how many replicas a workload should have."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from podling.cli import targets
from podling.cli.each import each
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Namespace
from podling.cli.output import say
from podling.cli.rpc import Api, api
from podling.errors import CommandError


def scale(
    *what: str,
    replicas: Annotated[int, Parameter(help="How many.")],
    current_replicas: Annotated[int, Parameter(help="Only if there are so many now.")] = -1,
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Set the number of replicas: `scale deployment/web --replicas 3`."""
    if replicas < 0:
        raise CommandError("--replicas must not be negative")

    def act(server: Api, target: targets.Target) -> None:
        resource = target.resource
        if not any(subresource.name == "scale" for subresource in resource.subresources):
            hint = "scale a deployment, a stateful set or a replica set"
            raise CommandError(f"{resource.plural} have no replicas: {hint}")
        for name in target.names:
            if current_replicas >= 0:
                now = server.get(resource, namespace, name, "scale")["spec"].get("replicas", 0)
                if now != current_replicas:
                    raise CommandError(f"{targets.label(resource, name)} has {now} replicas, not {current_replicas}")
            server.patch(resource, namespace, name, {"spec": {"replicas": replicas}}, subresource="scale")
            say(f"{targets.label(resource, name)} scaled")

    with api(dir) as server:
        each(targets.parse_named(what), lambda target: act(server, target))
