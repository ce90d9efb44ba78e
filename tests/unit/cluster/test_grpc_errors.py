"""Failed calls as the errors components handle."""

import grpc
import orjson
import pytest
from grpc.aio import Metadata

from api import errors
from cluster.grpc_errors import STATUS_METADATA, from_rpc_error


def failure(code: grpc.StatusCode, details: str, *trailing: tuple[str, bytes]) -> errors.StatusError:
    error = grpc.aio.AioRpcError(code, Metadata(), Metadata(*trailing), details)
    return from_rpc_error(error, "the API server")


def test_a_carried_status_comes_back_as_it_was() -> None:
    status = orjson.dumps(errors.NotFound("pods", "web").to_status())
    assert failure(grpc.StatusCode.NOT_FOUND, "", (STATUS_METADATA, status)).to_status() == orjson.loads(status)


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Socket closed"),
        # A connection that broke in the middle of a call.
        (grpc.StatusCode.INTERNAL, "Stream removed (RST_STREAM (Received RST_STREAM with error code 0))"),
        # What a server about to stop answers to calls it has not begun.
        (grpc.StatusCode.CANCELLED, "CANCELLED"),
    ],
)
def test_a_peer_that_is_gone_cannot_be_reached(code: grpc.StatusCode, details: str) -> None:
    error = failure(code, details)
    assert isinstance(error, errors.ServiceUnavailable)
    assert error.message == f"the API server cannot be reached: {details}"


def test_a_silent_peer_timed_out() -> None:
    assert isinstance(failure(grpc.StatusCode.DEADLINE_EXCEEDED, ""), errors.Timeout)


def test_whatever_else_is_told_as_it_is() -> None:
    error = failure(grpc.StatusCode.UNKNOWN, "Unexpected <class 'KeyError'>")
    assert isinstance(error, errors.InternalError)
    assert "UNKNOWN: Unexpected <class 'KeyError'>" in error.message
