"""The commands on objects, ready to be mounted on the `podling` App.

Each is imported when it is used: `podling get` should not pay for `podling drain`.
"""

from __future__ import annotations

from cyclopts import App

# name -> (what is called, purpose, how it is typed)
_COMMANDS = {
    "get": (
        "podling.cli.get:get",
        "Show objects as tables, YAML or JSON; once, or as they change.",
        "podling get TYPE [NAME ...], podling get TYPE/NAME ...; podling get pods -A -o wide",
    ),
    "describe": (
        "podling.cli.describe:describe",
        "Describe objects in full.",
        "podling describe TYPE [NAME ...], podling describe TYPE/NAME ...",
    ),
    "apply": (
        "podling.cli.apply:apply",
        "Make objects be as files say.",
        "podling apply -f web.yaml, podling apply -f FOLDER, podling apply -f - < web.yaml",
    ),
    "create": (
        "podling.cli.create_batch:create",
        "Create objects from files, or simple ones from a few words.",
        "podling create -f web.yaml, podling create deployment web --image busybox -- httpd -f",
    ),
    "delete": (
        "podling.cli.delete:delete",
        "Delete objects.",
        "podling delete TYPE NAME ..., podling delete TYPE/NAME ..., podling delete TYPE -l SELECTOR, "
        "podling delete -f web.yaml",
    ),
    "scale": (
        "podling.cli.scale:scale",
        "Set the number of replicas.",
        "podling scale deployment/web --replicas 3",
    ),
    "rollout": (
        "podling.cli.rollout:rollout",
        "See how a deployment's change goes; go back to an earlier one.",
        "podling rollout status deployment/web, podling rollout undo deployment/web",
    ),
    "top": (
        "podling.cli.top:top",
        "Show what nodes and pods use now.",
        "podling top nodes, podling top pods -A --containers",
    ),
    "logs": (
        "podling.cli.logs:logs",
        "Show what containers have written.",
        "podling logs POD, podling logs -f deployment/web, podling logs -l app=web --prefix",
    ),
    "exec": (
        "podling.cli.exec_:exec_",
        "Run a command in a container.",
        "podling exec POD -- ls /, podling exec -it deployment/web -- sh",
    ),
    "events": ("podling.cli.events:events", "Show what has happened.", "podling events --for pod/web -w"),
    "label": (
        "podling.cli.label:label",
        "Set or remove labels.",
        "podling label pod web tier=front old-; a - at the end removes",
    ),
    "annotate": (
        "podling.cli.label:annotate",
        "Set or remove annotations.",
        "podling annotate pod web note='first try' old-; a - at the end removes",
    ),
    "explain-scheduling": (
        "podling.cli.explain_scheduling:explain_scheduling",
        "Show why a pod goes where it goes, or nowhere: each node's answer, plugin by plugin.",
        "podling explain-scheduling web-1 -n shop",
    ),
    "wait": (
        "podling.cli.wait:wait",
        "Wait until something holds for objects, or they are gone.",
        "podling wait pod web --for condition=Ready, podling wait pod -l app=web --for delete",
    ),
    "cordon": ("podling.cli.drain:cordon", "Let no more pods onto nodes.", "podling cordon node-1"),
    "uncordon": ("podling.cli.drain:uncordon", "Let pods onto nodes again.", "podling uncordon node-1"),
    "drain": (
        "podling.cli.drain:drain",
        "Evict a node's pods.",
        "podling drain node-1 --ignore-daemonsets; podling uncordon node-1 afterwards",
    ),
    "api-resources": (
        "podling.cli.api_resources:api_resources",
        "Show the types of objects.",
        "podling api-resources, podling api-resources --api-group apps",
    ),
}


def mount(app: App) -> None:
    """Add every command to `app`."""
    for name, (path, purpose, how) in _COMMANDS.items():
        app.command(path, name=name, help=f"{purpose}\n\nFor example: {how}")
