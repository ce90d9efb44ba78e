"""What a plugin is: named functions over a pod and the snapshot, none of which changes anything.

A plugin answers for all nodes at once. Filters return rejections: masks over the snapshot's slots, each with the reason
that users see. Scores are numbers from 0 to 100 per slot. Hints say whether a change could turn a rejection around.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from scheduler.events import ClusterEvent
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

MAX_SCORE = 100

Scores: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rejection:
    """The nodes a plugin turns down for one reason.

    resolvable: removing pods from those nodes could help (upstream: Unschedulable, not UnschedulableAndUnresolvable).
    detail: what an explanation says beside the reason.
    """

    reason: str
    nodes: Mask
    resolvable: bool = True
    detail: str = ""


Refuse = Callable[[PodInfo, Snapshot], str | None]
Filter = Callable[[PodInfo, Snapshot], Sequence[Rejection]]
Score = Callable[[PodInfo, Snapshot, Mask], Scores | None]
Hint = Callable[[PodInfo, ClusterEvent, Snapshot], bool]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One reason to choose or refuse nodes.

    refuse: why the pod can go nowhere yet, whatever the node (upstream: PreFilter); None when it can.
    filter: the nodes that cannot take the pod.
    score: 0 to 100 for each node of the mask, None when the plugin does not tell them apart.
    weight: what a score counts beside the other plugins' scores.
    hint: whether a pod this plugin turned down should be tried again after an event.
    tells_every_reason: a node counts for each of the filter's reasons against it, not for the first alone.
    """

    name: str
    refuse: Refuse | None = None
    filter: Filter | None = None
    score: Score | None = None
    weight: int = 1
    hint: Hint | None = None
    tells_every_reason: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What the pods that name a scheduler are placed by: plugins in filtering order (upstream: a profile).

    preempts: pods that fit nowhere may have less important ones removed.
    bind_timeout: seconds for which a pod's volumes are waited for.
    """

    name: str
    plugins: tuple[Plugin, ...]
    preempts: bool = True
    bind_timeout: float = 600.0


def normalized(scores: Scores, feasible: Mask, *, reverse: bool = False) -> Scores:
    """Scores stretched so that the greatest is 100; reversed, so that zero becomes 100.

    Source: upstream's DefaultNormalizeScore.
    """
    greatest = float(scores[feasible].max(initial=0))
    if greatest == 0:
        return np.full(len(scores), MAX_SCORE if reverse else 0, dtype=np.float64)
    stretched = np.floor(scores * MAX_SCORE / greatest)
    return MAX_SCORE - stretched if reverse else stretched
