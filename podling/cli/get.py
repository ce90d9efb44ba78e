"""`podling get`: objects as tables, YAML, JSON, names or a template; once or as they change."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from podling.cli import manifests, targets
from podling.cli.options import DEFAULT_NAMESPACE, AllNamespaces, Dir, Fields, Files, Labels, Namespace, Output
from podling.cli.output import TablePrinter, as_list, check_format, note, say, serialize, shown
from podling.cli.rpc import Api, api, tree
from podling.cli.targets import Target
from podling.errors import CommandError


@dataclass(frozen=True, slots=True)
class Request:
    """What to get. namespace: `""` for all."""

    namespace: str
    label_selector: str
    field_selector: str
    output: str
    headers: bool
    labels: bool

    @property
    def tabular(self) -> bool:
        return self.output in ("", "wide")


def get(
    *what: str,
    namespace: Namespace = DEFAULT_NAMESPACE,
    all_namespaces: AllNamespaces = False,
    selector: Labels = "",
    field_selector: Fields = "",
    output: Output = "",
    watch: Annotated[
        bool, Parameter(name=("--watch", "-w"), negative="", help="Go on with each change, until Ctrl-C.")
    ] = False,
    filename: Files = None,
    no_headers: Annotated[bool, Parameter(negative="", help="Leave out the header line.")] = False,
    show_labels: Annotated[bool, Parameter(negative="", help="Add a column with the labels.")] = False,
    dir: Dir = None,
) -> None:
    """Show objects: `get pods`, `get pod a b`, `get pod/a svc/b`, `get deploy,svc`, `get all`."""
    check_format(output)
    where = "" if all_namespaces else namespace
    request = Request(where, selector, field_selector, output, not no_headers, show_labels)
    wanted = _from_files(filename) if filename else targets.parse(what)
    with api(dir) as server:
        if watch:
            _watch(server, wanted, request)
        else:
            _show(server, wanted, request)
    sys.stdout.flush()


def _from_files(files: list[str]) -> list[Target]:
    return [Target(manifest.resource, (manifest.name,)) for manifest in manifests.read(files, None)]


def _show(server: Api, wanted: Sequence[Target], request: Request) -> None:
    found = [(target, *_fetch(server, target, request)) for target in wanted]
    missing: list[CommandError] = [error for _, _, errors in found for error in errors]
    if request.tabular:
        _print_tables([(target, objects) for target, objects, _ in found if objects], request)
        if not any(objects for _, objects, _ in found) and not missing:
            scope = f" in {request.namespace} namespace" if _scoped(wanted, request) else ""
            note(f"No resources found{scope}.")
    else:
        _print_documents([(target, raw) for target, objects, _ in found for raw in objects], wanted, request)
    for error in missing[:-1]:
        note(f"podling: {error}")
    if missing:
        raise missing[-1]


def _scoped(wanted: Sequence[Target], request: Request) -> bool:
    return bool(request.namespace) and any(target.resource.namespaced for target in wanted)


def _fetch(server: Api, target: Target, request: Request) -> tuple[list[bytes], list[CommandError]]:
    """The target's objects, and what to say of those that could not be had."""
    if not target.names:
        page = server.list(
            target.resource,
            request.namespace,
            label_selector=request.label_selector,
            field_selector=request.field_selector,
        )
        return page.items, []
    if request.label_selector or request.field_selector:
        raise CommandError("objects named one by one cannot be selected: leave out the names or the selector")
    if not request.namespace and target.resource.namespaced:
        raise CommandError("an object cannot be named across all namespaces: leave out --all-namespaces")
    objects: list[bytes] = []
    errors: list[CommandError] = []
    for name in target.names:
        try:
            objects.append(server.get_raw(target.resource, request.namespace, name))
        except CommandError as error:
            errors.append(error)
    return objects, errors


def _print_tables(found: list[tuple[Target, list[bytes]]], request: Request) -> None:
    printer = _printer(request, with_kind=len({target.resource for target, _ in found}) > 1)
    by_resource: dict[Target, list[bytes]] = {}
    for target, objects in found:
        by_resource.setdefault(Target(target.resource), []).extend(objects)
    blocks = [printer.table(target.resource, objects) for target, objects in by_resource.items()]
    sys.stdout.write("\n".join(blocks))


def _printer(request: Request, *, with_kind: bool) -> TablePrinter:
    return TablePrinter(
        wide=request.output == "wide",
        with_namespace=not request.namespace,
        with_kind=with_kind,
        with_labels=request.labels,
        with_header=request.headers,
    )


def _print_documents(found: list[tuple[Target, bytes]], wanted: Sequence[Target], request: Request) -> None:
    trees = [shown(tree(raw)) for _, raw in found]
    if request.output == "name":
        for (target, _), object in zip(found, trees, strict=True):
            say(targets.label(target.resource, object["metadata"]["name"]))
        return
    single = len(wanted) == 1 and len(wanted[0].names) == 1
    if single and not trees:
        return
    sys.stdout.write(serialize(trees[0] if single else as_list(trees), request.output))


def _watch(server: Api, wanted: Sequence[Target], request: Request) -> None:
    """The objects as they are, then each change."""
    if len(wanted) != 1 or len(wanted[0].names) > 1:
        raise CommandError("watch one type, or one object, at a time")
    [target] = wanted
    fields = request.field_selector
    if target.names:
        fields = ",".join(filter(None, [fields, f"metadata.name={target.names[0]}"]))
    page = server.list(target.resource, request.namespace, label_selector=request.label_selector, field_selector=fields)
    if target.names and not page.items:
        server.get_raw(target.resource, request.namespace, target.names[0])  # says that it is not there
    printer = _printer(request, with_kind=False)
    _print_changed(printer, target, page.items, request)
    revision = page.revision
    while True:
        for change in server.watch(
            target.resource,
            request.namespace,
            label_selector=request.label_selector,
            field_selector=fields,
            revision=revision,
        ):
            revision = int(tree(change.object)["metadata"]["resourceVersion"])
            _print_changed(printer, target, [change.object], request)


def _print_changed(printer: TablePrinter, target: Target, objects: list[bytes], request: Request) -> None:
    if request.tabular:
        if objects:
            sys.stdout.write(printer.table(target.resource, objects))
    else:
        for raw in objects:
            object = shown(tree(raw))
            if request.output == "name":
                say(targets.label(target.resource, object["metadata"]["name"]))
            else:
                text = serialize(object, request.output)
                sys.stdout.write(f"---\n{text}" if request.output == "yaml" else text)
    sys.stdout.flush()
