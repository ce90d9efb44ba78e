"""The states of a pod on its node and the transitions between them.

    PENDING ──► STARTING ──► RUNNING ──► TERMINATING ──► TERMINATED
       │           │  ▲──────────┘            ▲
       └───────────┴──────────────────────────┘

RUNNING goes back to STARTING when the sandbox is lost (a reboot). TERMINATED means nothing of the pod runs and its
volumes, cgroup and address are given back; its dead containers and logs stay until its object is deleted.
"""

from __future__ import annotations

from enum import Enum


class PodState(Enum):
    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


TRANSITIONS: frozenset[tuple[PodState, PodState]] = frozenset(
    {
        (PodState.PENDING, PodState.STARTING),
        (PodState.PENDING, PodState.TERMINATING),
        (PodState.STARTING, PodState.RUNNING),
        (PodState.STARTING, PodState.TERMINATING),
        (PodState.RUNNING, PodState.STARTING),
        (PodState.RUNNING, PodState.TERMINATING),
        (PodState.TERMINATING, PodState.TERMINATED),
    }
)


class IllegalTransition(Exception):
    """A decision left the declared diagram: a defect of the decision, with the pod's history in the text."""


class StateMachine:
    """The current state and how it came to be."""

    def __init__(self) -> None:
        self.state = PodState.PENDING
        self._history = [PodState.PENDING]

    def move(self, to: PodState) -> bool:
        """Go to `to`; whether that is a change. Raises IllegalTransition."""
        if to is self.state:
            return False
        if (self.state, to) not in TRANSITIONS:
            path = " → ".join(state.value for state in (*self._history, to))
            raise IllegalTransition(f"a pod cannot go {path}")
        self.state = to
        # Restarts of the sandbox may loop for ever: only the recent past is worth telling.
        self._history = [*self._history[-9:], to]
        return True
