"""`podling api-resources`: the types there are."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from api import scheme
from podling.cli.options import Dir
from podling.cli.output import say
from podling.tabular import columns


def api_resources(
    *,
    namespaced: Annotated[
        bool | None, Parameter(help="Only types that live in namespaces, or only those that do not.")
    ] = None,
    api_group: Annotated[str | None, Parameter(help='Only of this group; "" is the core group.')] = None,
    output: Annotated[str, Parameter(name=("--output", "-o"), help="wide or name.")] = "",
    dir: Dir = None,
) -> None:
    """Show the types of objects: name, short names, version, kind."""
    del dir  # every cluster of this version has the same types
    found = [
        resource
        for resource in sorted(scheme.RESOURCES, key=lambda resource: (resource.group, resource.plural))
        if resource.preferred and namespaced in (None, resource.namespaced) and api_group in (None, resource.group)
    ]
    if output == "name":
        for resource in found:
            say(resource.group_resource)
        return
    wide = output == "wide"
    header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", *(["VERBS", "CATEGORIES"] if wide else [])]
    rows = [
        [
            resource.plural,
            ",".join(resource.short_names),
            resource.api_version,
            str(resource.namespaced).lower(),
            resource.kind,
            *([",".join(sorted(resource.verbs)), ",".join(resource.categories)] if wide else []),
        ]
        for resource in found
    ]
    say(columns(header, rows))
