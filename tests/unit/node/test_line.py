"""Who may be dialled next."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.node.line import Line

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def waiting(name: str, *, priority: int = 0, queued_s: float = 0.0) -> Callback:
    at = NOON + timedelta(seconds=queued_s)
    return Callback(
        id=name,
        service="sales",
        state=State.QUEUED,
        phase=Phase.WAITING,
        customer_number="+16505550100",
        desired_time=at,
        created_at=at,
        accepted_at=at,
        updated_at=at,
        queued_at=at,
        priority=priority,
    )


def test_higher_priority_goes_first_then_who_came_first() -> None:
    line = Line()
    for callback in (
        waiting("late", queued_s=9),
        waiting("urgent", priority=5, queued_s=20),
        waiting("early", queued_s=1),
    ):
        line.add(callback)
    assert [callback.id for callback in line.in_order(NOON)] == ["urgent", "early", "late"]


def test_adding_again_moves_a_callback_instead_of_doubling_it() -> None:
    line = Line()
    line.add(waiting("one", queued_s=1))
    line.add(waiting("two", queued_s=2))
    line.add(waiting("two", priority=1, queued_s=2))
    assert [callback.id for callback in line.in_order(NOON)] == ["two", "one"]
    assert len(line) == 2


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.integers(0, 50), st.booleans()), max_size=80))
def test_the_line_is_always_ordered_and_complete(steps: list[tuple[int, int, int, bool]]) -> None:
    line, expected = Line(), {}
    for number, priority, queued, add in steps:
        name = f"c{number}"
        if add:
            expected[name] = waiting(name, priority=priority, queued_s=queued)
            line.add(expected[name])
        else:
            assert line.remove(name) == expected.pop(name, None)
    in_order = sorted(expected.values(), key=lambda c: (-c.priority, c.queued_at, c.id))
    assert [callback.id for callback in line.in_order(NOON)] == [callback.id for callback in in_order]
