"""The parameters of operations: what they are called, where they go, which type they have."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter, or a path parameter if `place` says so. `repeats`: may be given several times."""

    name: str
    description: str
    type: str = "string"
    place: str = "query"
    repeats: bool = False


NAMESPACE = Parameter("namespace", "namespace of the object", place="path")
PRETTY = Parameter("pretty", "indent the answer for people to read")

_DRY_RUN = Parameter("dryRun", "with All, do everything but store the result")
_FIELD_MANAGER = Parameter("fieldManager", "name of the actor that makes the change")
_FIELD_VALIDATION = Parameter(
    "fieldValidation", "what to do about unknown and duplicate fields: Ignore them, Warn, or be Strict and refuse"
)

WRITE = (_DRY_RUN, _FIELD_MANAGER, _FIELD_VALIDATION)
PATCH = (*WRITE, Parameter("force", "take over fields other managers own; for apply patches only", "boolean"))
DELETE = (
    _DRY_RUN,
    Parameter("gracePeriodSeconds", "seconds the object has before it is removed; 0 removes it at once", "integer"),
    Parameter(
        "ignoreStoreReadErrorWithClusterBreakingPotential", "delete objects that cannot be read from storage", "boolean"
    ),
    Parameter("orphanDependents", "superseded by propagationPolicy", "boolean"),
    Parameter("propagationPolicy", "what becomes of dependents: Orphan, Background or Foreground"),
)
LIST_OPTIONS = (
    Parameter("continue", "where to go on, from the metadata of the page before"),
    Parameter("fieldSelector", "restricts the answer to objects with these field values"),
    Parameter("labelSelector", "restricts the answer to objects with these labels"),
    Parameter("limit", "how many objects one page holds at most", "integer"),
    Parameter("resourceVersion", "which state of the data the answer may show"),
    Parameter("resourceVersionMatch", "how resourceVersion is applied: Exact or NotOlderThan"),
    Parameter("sendInitialEvents", "start a watch with the objects there are", "boolean"),
    Parameter("timeoutSeconds", "after how many seconds to end the request", "integer"),
)
LIST = (
    Parameter("allowWatchBookmarks", "let a watch send BOOKMARK events", "boolean"),
    *LIST_OPTIONS,
    Parameter("watch", "send changes as they happen instead of a list", "boolean"),
)

_CONTAINER = Parameter("container", "which container; may be left out if there is only one")
ATTACH = (
    _CONTAINER,
    Parameter("stderr", "receive standard error", "boolean"),
    Parameter("stdin", "send standard input", "boolean"),
    Parameter("stdout", "receive standard output", "boolean"),
    Parameter("tty", "the streams belong to a terminal", "boolean"),
)
EXEC = (Parameter("command", "the program and its arguments", repeats=True), *ATTACH)
LOG = (
    _CONTAINER,
    Parameter("follow", "go on sending as lines are written", "boolean"),
    Parameter("insecureSkipTLSVerifyBackend", "do not verify the kubelet's certificate", "boolean"),
    Parameter("limitBytes", "end after so many bytes", "integer"),
    Parameter("previous", "the log of the container's previous run", "boolean"),
    Parameter("sinceSeconds", "only lines younger than this", "integer"),
    Parameter("stream", "All, Stdout or Stderr"),
    Parameter("tailLines", "only so many lines from the end", "integer"),
    Parameter("timestamps", "put the time before each line", "boolean"),
)
PORT_FORWARD = (Parameter("ports", "the ports to forward, separated by commas", "integer"),)


def name_of(kind: str) -> Parameter:
    return Parameter("name", f"name of the {kind}", place="path")
