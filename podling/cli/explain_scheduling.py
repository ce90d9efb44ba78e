"""`podling explain-scheduling`: what each node says to a pod, asked of the scheduler itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast

import grpc
from cyclopts import Parameter

from cluster import grpc_errors
from cluster.pb import scheduler_pb2 as pb
from cluster.pb import scheduler_pb2_grpc as pb_grpc
from podling import directory
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Namespace
from podling.cli.output import say
from podling.cli.rpc import CALL_SECONDS, ServerError, open_channel
from podling.connection import connect_scheduler
from podling.errors import CommandError
from podling.tabular import columns

Limit = Annotated[int, Parameter(help="Show so many nodes that would do and so many that refuse; 0 for all.")]

DEFAULT_LIMIT = 20


def explain_scheduling(
    pod: str, *, limit: Limit = DEFAULT_LIMIT, namespace: Namespace = DEFAULT_NAMESPACE, dir: Dir = None
) -> None:
    """For each node, the plugin that refuses the pod and why, or its score by plugin."""
    name = pod.removeprefix("pods/").removeprefix("pod/")
    with _scheduler(dir) as placement:
        answer = placement.Explain(pb.ExplainRequest(namespace=namespace, name=name), timeout=CALL_SECONDS)
    say("\n".join(lines(name, answer, limit)))


def lines(name: str, answer: pb.ExplainResponse, limit: int = 0) -> list[str]:
    """An explanation as people read it."""
    text = [_headline(name, answer)]
    if answer.message:
        text.append(answer.message)
    if answer.HasField("room"):
        victims = ", ".join(answer.room.victims) or "nobody who is not going already"
        text.append(f"Room can be made on {answer.room.node} by removing {victims}.")
    willing = [verdict for verdict in answer.nodes if not verdict.refused_by]
    refusing = [verdict for verdict in answer.nodes if verdict.refused_by]
    if willing and not answer.refusal:
        text += ["", _scores(_first(willing, limit)), *_more(willing, limit)]
    if refusing:
        text += ["", _refusals(_first(refusing, limit)), *_more(refusing, limit)]
    return text


def _headline(name: str, answer: pb.ExplainResponse) -> str:
    by = f"profile {answer.profile}"
    if answer.node:
        return f"{name} is on {answer.node}; if it were scheduled now ({by}):"
    if answer.nominated_node:
        return f"{name} waits for room on {answer.nominated_node} ({answer.state}, {by}):"
    return f"{name} waits for a node ({answer.state}, {by}):"


def _scores(verdicts: Sequence[pb.NodeVerdict]) -> str:
    """A column for each plugin that tells nodes apart at all."""
    plugins = [(score.plugin, score.weight) for score in verdicts[0].scores]
    shown = [number for number in range(len(plugins)) if any(v.scores[number].score for v in verdicts)]
    headings = ["NODE", "SCORE", *(f"{plugins[number][0]} x{plugins[number][1]}" for number in shown)]
    rows = [
        [v.node, _number(v.total), *(_number(v.scores[n].weight * v.scores[n].score) for n in shown)] for v in verdicts
    ]
    return columns(headings, rows)


def _refusals(verdicts: Sequence[pb.NodeVerdict]) -> str:
    return columns(["NODE", "REFUSED BY", "WHY"], [[v.node, v.refused_by, "; ".join(v.reasons)] for v in verdicts])


def _first(verdicts: Sequence[pb.NodeVerdict], limit: int) -> Sequence[pb.NodeVerdict]:
    return verdicts[:limit] if limit else verdicts


def _more(verdicts: Sequence[pb.NodeVerdict], limit: int) -> list[str]:
    left = len(verdicts) - limit
    return [f"... and {left} more: --limit 0 shows all"] if limit and left > 0 else []


def _number(value: float) -> str:
    return f"{value:.0f}"


@contextmanager
def _scheduler(dir: Path | None) -> Iterator[pb_grpc.PlacementStub]:
    where = directory.resolve(dir)
    channel = open_channel(connect_scheduler(where))
    try:
        yield pb_grpc.PlacementStub(channel)
    except grpc.RpcError as error:
        status = grpc_errors.from_rpc_error(cast(grpc.aio.AioRpcError, error), "the scheduler")
        if status.reason == "ServiceUnavailable":
            raise CommandError(
                f"the scheduler of the cluster in {where} does not answer: `podling status` shows whether it runs"
            ) from None
        raise ServerError(status) from None
    finally:
        channel.close()
