"""The cluster as columns: what plugins look at."""

from scheduler.snapshot.nodes import LabelColumn, NodeTable
from scheduler.snapshot.pods import PodGroup, PodTable
from scheduler.snapshot.snapshot import Snapshot

__all__ = ["LabelColumn", "NodeTable", "PodGroup", "PodTable", "Snapshot"]
