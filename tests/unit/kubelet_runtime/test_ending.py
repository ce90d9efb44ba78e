from kubelet.runtime.oci.ending import ending

NOW, EARLIER = 2_000, 1_000


def test_a_clean_end_is_completed_at_the_time_it_was_told() -> None:
    end = ending((0, EARLIER), False, 0, NOW)
    assert (end.reason, end.exit_code, end.finished_at, end.oom_killed) == ("Completed", 0, EARLIER, False)


def test_any_other_code_is_an_error() -> None:
    assert ending((3, EARLIER), False, 0, NOW).reason == "Error"
    assert ending((137, EARLIER), False, 0, NOW).reason == "Error"


def test_killed_for_lack_of_memory() -> None:
    end = ending((137, EARLIER), False, 2, NOW)
    assert (end.reason, end.exit_code, end.oom_killed, end.oom_kills) == ("OOMKilled", 137, True, 2)


def test_surviving_the_kill_of_a_child_is_told_but_is_not_an_oom_kill() -> None:
    end = ending((1, EARLIER), False, 1, NOW)
    assert (end.reason, end.oom_killed, end.oom_kills) == ("Error", False, 1)
    assert "lack of memory" in end.message
    assert ending((0, EARLIER), False, 1, NOW).reason == "Completed"


def test_nobody_saw_the_end() -> None:
    end = ending(None, False, 0, NOW)
    assert (end.reason, end.exit_code, end.finished_at) == ("Unknown", 255, NOW)


def test_a_container_that_lost_its_monitor_was_killed() -> None:
    end = ending(None, True, 0, NOW)
    assert (end.reason, end.exit_code) == ("Error", 137)
    assert "monitor" in end.message
