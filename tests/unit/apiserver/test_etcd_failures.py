"""What a failed call to etcd tells about the write: only a sure refusal may be taken for one."""

import grpc
import pytest
from grpc.aio import Metadata

from apiserver.etcd.errors import Compacted, EtcdError, NoSpace, Uncertain, translate

RESET = "Stream removed (Data frame with END_STREAM flag received) (RST_STREAM (Received RST_STREAM with error code 0))"


def failure(code: grpc.StatusCode, details: str) -> EtcdError:
    return translate(grpc.aio.AioRpcError(code, Metadata(), Metadata(), details))


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Socket closed"),
        (grpc.StatusCode.INTERNAL, RESET),
        (grpc.StatusCode.CANCELLED, "CANCELLED"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"),
        (grpc.StatusCode.UNKNOWN, "context canceled"),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: request timed out"),
    ],
)
def test_a_lost_answer_leaves_the_outcome_open(code: grpc.StatusCode, details: str) -> None:
    assert isinstance(failure(code, details), Uncertain)


def test_a_refusal_is_final() -> None:
    full = failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded")
    gone = failure(grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted")
    other = failure(grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided")
    assert isinstance(full, NoSpace)
    assert isinstance(gone, Compacted)
    assert type(other) is EtcdError
