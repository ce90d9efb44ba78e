"""Thresholds of probes, and what the subject of a caller's certificate allows."""

from __future__ import annotations

import pytest

from api.types import Probe
from kubelet.probes.tracker import Answer, Kind, Tracker, period_seconds, timeout_seconds
from kubelet.server.authorize import allowed

S, F, E, W = Answer.SUCCESS, Answer.FAILURE, Answer.ERROR, Answer.WARNING


@pytest.mark.parametrize(
    ("kind", "probe", "answers", "healthy"),
    [
        (Kind.READINESS, Probe(), [], False),
        (Kind.LIVENESS, Probe(), [], True),
        (Kind.STARTUP, Probe(), [], False),
        (Kind.READINESS, Probe(), [S], True),
        (Kind.READINESS, Probe(success_threshold=2), [S], False),
        (Kind.READINESS, Probe(success_threshold=2), [S, F, S], False),
        (Kind.READINESS, Probe(success_threshold=2), [S, F, S, S], True),
        (Kind.READINESS, Probe(failure_threshold=2), [S, F], True),
        (Kind.READINESS, Probe(failure_threshold=2), [S, F, F], False),
        (Kind.LIVENESS, Probe(), [F, F], True),
        (Kind.LIVENESS, Probe(), [F, F, F], False),
        (Kind.LIVENESS, Probe(failure_threshold=1), [F], False),
        (Kind.LIVENESS, Probe(failure_threshold=2), [F, E, F], False),
        (Kind.READINESS, Probe(), [W], True),
        (Kind.READINESS, Probe(), [E], False),
    ],
)
def test_thresholds(kind: Kind, probe: Probe, answers: list[Answer], healthy: bool) -> None:
    tracker = Tracker(kind, probe)
    for answer in answers:
        tracker.observe(answer)
    assert tracker.healthy is healthy


def test_a_result_is_settled_only_at_its_threshold() -> None:
    tracker = Tracker(Kind.LIVENESS, Probe(failure_threshold=2))
    assert [tracker.observe(answer) for answer in (F, F, S)] == [False, True, True]


def test_defaults_are_upstreams() -> None:
    assert (period_seconds(Probe()), timeout_seconds(Probe())) == (10, 1)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (b"CN=kube-apiserver-kubelet-client,O=system:masters", True),
        (b"CN=kube-apiserver-kubelet-client", True),
        (b"O=system:masters,CN=kubernetes-admin", True),
        (b"O=a+O=system:masters,CN=x", True),
        (b"CN=system:node:node-1,O=system:nodes", False),
        (b"CN=x\\,O=system:masters,O=users", False),
        (b"CN=O=system:masters", False),
        (b"", False),
    ],
)
def test_who_may_call_the_node(subject: bytes, expected: bool) -> None:
    assert allowed({"x509_subject": [subject]}) is expected


def test_nobody_without_a_certificate_may_call_the_node() -> None:
    assert not allowed({})
