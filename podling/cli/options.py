"""Options that many commands share, named as kubectl names them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Dir = Annotated[
    Path | None, Parameter(name="--dir", help="The cluster's directory (default: PODLING_DIR, else the last started).")
]
Namespace = Annotated[str, Parameter(name=("--namespace", "-n"), help="Namespace of the objects.")]
# For objects in files, which may say themselves where they belong.
MaybeNamespace = Annotated[
    str | None, Parameter(name=("--namespace", "-n"), help="Namespace for objects that name none.")
]
AllNamespaces = Annotated[
    bool, Parameter(name=("--all-namespaces", "-A"), negative="", help="Objects of all namespaces.")
]
Labels = Annotated[str, Parameter(name=("--selector", "-l"), help="Label selector: app=web,tier!=db,env in (a,b).")]
Fields = Annotated[str, Parameter(name="--field-selector", help="Field selector: spec.nodeName=node-1.")]
Output = Annotated[str, Parameter(name=("--output", "-o"), help="yaml, json, name, wide or jsonpath=TEMPLATE.")]
Files = Annotated[
    list[str] | None,
    Parameter(
        name=("--filename", "-f"),
        negative="",
        allow_leading_hyphen=True,
        help="A file, a folder or - (standard input); may be repeated.",
    ),
]
Container = Annotated[str, Parameter(name=("--container", "-c"), help="Container of the pod (default: the first).")]
Timeout = Annotated[str, Parameter(name="--timeout", help="How long to wait: 30s, 5m; 0 waits for ever.")]

DEFAULT_NAMESPACE = "default"
