from scheduler.pod_info import pod_info
from scheduler.queue import Place, QueuedPod, SchedulingQueue
from tests.support.objects import pod

NO_PLUGINS = frozenset({"NodeResourcesFit"})


def info(name, **more):
    return pod_info(pod(name, **more))


def popped(queue, now):
    queued = queue.pop(now)
    return None if queued is None else queued.pod.pod.metadata.name


def unschedulable(queue, now) -> QueuedPod:
    queued = queue.pop(now)
    queue.unschedulable(queued, now, NO_PLUGINS)
    return queued


def test_pods_come_by_priority_then_by_age():
    queue = SchedulingQueue()
    for now, (name, priority) in enumerate([("old", 0), ("young", 0), ("dear", 10)]):
        queue.add(info(name, priority=priority), now)
    assert [popped(queue, 5.0) for _ in range(4)] == ["dear", "old", "young", None]


def test_an_unschedulable_pod_waits_for_help_or_five_minutes():
    queue = SchedulingQueue()
    queue.add(info("p"), 0.0)
    unschedulable(queue, 0.0)
    assert queue.count(Place.UNSCHEDULABLE) == 1
    assert popped(queue, 299.0) is None
    assert queue.next_wakeup(299.0) == 1.0
    assert popped(queue, 300.0) == "p"


def test_help_brings_a_pod_back_at_once_when_nothing_else_waits():
    queue = SchedulingQueue()
    queue.add(info("p"), 0.0)
    queue.retry(unschedulable(queue, 0.0), 0.1, "NodeAdd")
    assert queue.count(Place.BACKOFF) == 1
    assert popped(queue, 0.2) == "p"


def test_pods_that_back_off_come_after_active_ones():
    queue = SchedulingQueue()
    queue.add(info("tried", priority=10), 0.0)
    queue.retry(unschedulable(queue, 0.0), 0.1, "NodeAdd")
    queue.add(info("new"), 0.2)
    assert [popped(queue, 0.3), popped(queue, 0.3)] == ["new", "tried"]


def test_back_off_doubles_from_one_second_to_ten():
    queue = SchedulingQueue()
    queue.add(info("p"), 0.0)
    now, waits = 0.0, []
    for _ in range(6):
        queued = queue.pop(now)
        queue.failed(queued, now)
        wait = queue.next_wakeup(now)
        assert queue.pop(now + wait - 0.01) is None
        waits.append(wait)
        now += wait
    assert waits == [1, 2, 4, 8, 10, 10]


def test_a_removed_pod_never_comes_back():
    queue = SchedulingQueue()
    for name in ("a", "b", "c"):
        queue.add(info(name), 0.0)
    queue.failed(queue.pop(0.0), 0.0)
    unschedulable(queue, 0.0)
    for queued in [queue.get(uid) for uid in list(queue._pods)]:
        queue.remove(queued.pod.uid)
    assert queue.pop(1000.0) is None
    assert len(queue) == 0
    assert [queue.count(place) for place in Place] == [0, 0, 0, 0]


def test_gated_pods_wait_until_their_gates_are_gone():
    queue = SchedulingQueue()
    gated = pod("p", schedulingGates=[{"name": "example.com/wait"}])
    queue.add(pod_info(gated), 0.0)
    assert queue.count(Place.GATED) == 1
    assert popped(queue, 1000.0) is None
    free = info("p", meta={"uid": gated.metadata.uid})
    queue.update(free, 1000.0, helpful=True)
    assert popped(queue, 1000.0) == "p"


def test_only_helpful_changes_of_a_waiting_pod_bring_it_back():
    queue = SchedulingQueue()
    first = info("p")
    queue.add(first, 0.0)
    unschedulable(queue, 0.0)
    queue.update(first, 10.0, helpful=False)
    assert popped(queue, 10.0) is None
    queue.update(first, 10.0, helpful=True)
    assert popped(queue, 10.0) == "p"


def test_every_entry_into_a_place_is_observed():
    seen = []
    queue = SchedulingQueue(lambda event, place: seen.append((event, place.value)))
    queue.add(info("p"), 0.0)
    queue.failed(queue.pop(0.0), 0.0)
    queue.pop(1.0)
    assert seen == [("PodAdd", "active"), ("ScheduleAttemptFailure", "backoff"), ("BackoffComplete", "active")]
