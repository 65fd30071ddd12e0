import pytest

from freehold.gateway.queueing import POLL_SECONDS_MAX, Queue, QueueRules


def queue(calls_max: int = 3, seconds_max: float = 2.0) -> Queue[str]:
    return Queue(QueueRules(calls_max=calls_max, seconds_max=seconds_max))


def test_queue_is_bounded_in_number_and_in_time() -> None:
    one = queue(calls_max=1)
    assert one.admits(1.5, 60.0)
    assert not one.admits(2.5, 60.0)
    assert not one.admits(1.5, 1.0)  # the call's own time is over sooner
    one.join("a", 0.0, 60.0)
    assert not one.admits(0.1, 60.0)


def test_first_come_is_first_served_and_a_call_turned_away_goes_ahead() -> None:
    one = queue()
    one.join("a", 0.0, 9.0)
    one.join("b", 0.0, 9.0)
    one.join("again", 0.0, 9.0, ahead=True)
    assert [one.take().call for _ in range(3)] == ["again", "a", "b"]


def test_who_leaves_is_not_served_and_makes_room() -> None:
    one = queue(calls_max=2)
    first, _ = one.join("a", 0.0, 9.0), one.join("b", 0.0, 9.0)
    one.leave(first)
    one.leave(first)
    assert len(one) == 1
    assert one.take().call == "b"


def test_who_has_waited_long_enough_is_told() -> None:
    one = queue(seconds_max=2.0)
    one.join("a", 0.0, 9.0)
    one.join("short", 0.0, 0.5)
    assert [entry.call for entry in one.overdue(1.0)] == ["short"]
    assert [entry.call for entry in one.overdue(2.0)] == ["a"]
    assert len(one) == 0


def test_next_look_is_when_room_is_due_and_never_late_for_who_waits() -> None:
    one = queue()
    one.join("a", 0.0, 0.1)
    assert one.next_look(0.02, 0.0) == 0.02
    assert one.next_look(9.0, 0.0) == pytest.approx(0.1)
    assert queue().next_look(9.0, 0.0) == POLL_SECONDS_MAX


def test_empty_queue_has_nobody_to_serve() -> None:
    assert queue().first() is None
    with pytest.raises(IndexError):
        queue().take()
