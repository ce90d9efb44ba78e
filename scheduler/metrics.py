"""The scheduler's metrics, in upstream's names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_ATTEMPT_BUCKETS = tuple(0.001 * 2**power for power in range(15))

attempts = Counter(
    "scheduler_schedule_attempts", "Number of attempts to schedule pods, by the result", ["result", "profile"]
)
attempt_duration = Histogram(
    "scheduler_scheduling_attempt_duration_seconds",
    "Scheduling attempt latency in seconds (scheduling algorithm + binding)",
    ["result", "profile"],
    buckets=_ATTEMPT_BUCKETS,
)
algorithm_duration = Histogram(
    "scheduler_scheduling_algorithm_duration_seconds",
    "Scheduling algorithm latency in seconds",
    buckets=_ATTEMPT_BUCKETS,
)
pod_attempts = Histogram(
    "scheduler_pod_scheduling_attempts",
    "Number of attempts to successfully schedule a pod",
    buckets=(1, 2, 4, 8, 16),
)
sli_duration = Histogram(
    "scheduler_pod_scheduling_sli_duration_seconds",
    "E2e latency for a pod being scheduled, from the time it entered the queue",
    ["attempts"],
    buckets=tuple(0.01 * 2**power for power in range(20)),
)
pending_pods = Gauge("scheduler_pending_pods", "Number of pending pods, by the queue", ["queue"])
incoming_pods = Counter(
    "scheduler_queue_incoming_pods", "Number of pods added to scheduling queues by event and queue", ["queue", "event"]
)
cache_size = Gauge("scheduler_scheduler_cache_size", "Number of nodes, pods, and assumed pods in the cache", ["type"])
preemption_attempts = Counter("scheduler_preemption_attempts", "Total preemption attempts in the cluster till now")
preemption_victims = Histogram(
    "scheduler_preemption_victims", "Number of selected preemption victims", buckets=(1, 2, 4, 8, 16, 32, 64)
)
unschedulable_pods = Gauge(
    "scheduler_unschedulable_pods",
    "Number of waiting pods that a plugin has turned down",
    ["plugin", "profile"],
)
