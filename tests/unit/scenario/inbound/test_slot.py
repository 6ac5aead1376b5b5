"""The nearest free time to a caller's wish."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dialer.callback.options import ServiceOptions
from dialer.callback.record import NewCallback
from dialer.scenario.inbound.slot import nearest_free, on_grid
from dialer.store import MemoryStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OPTIONS = ServiceOptions(slot_duration_min=15, slot_capacity=1, min_lead_min=30)


@pytest.fixture
async def store():
    fresh = await MemoryStore.fresh()
    yield fresh
    await fresh.close()


async def book(store, *times):
    for number, when in enumerate(times):
        new = NewCallback(service="back", customer_number=f"+1202555010{number % 10}", desired_time=when)
        await store.create(new, event="T02", actor="ivr", now=NOW)


def at(hour, minute=0, day=2):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


async def free(store, wish, options=OPTIONS):
    return await nearest_free(store, "back", options, wish, NOW)


async def test_a_free_slot_is_the_one_at_or_after_the_wish(store):
    assert await free(store, at(10, 0)) == at(10, 0)
    assert await free(store, at(10, 1)) == at(10, 15)


async def test_a_full_slot_is_passed_over_also_when_booked_between_the_grid(store):
    await book(store, at(10, 7), at(10, 15))
    assert await free(store, at(10, 0)) == at(10, 30)


async def test_a_cancelled_booking_does_not_count(store):
    new = NewCallback(service="back", customer_number="+12025550100", desired_time=at(10))
    made = await store.create(new, event="T02", actor="ivr", now=NOW)
    gone = {"reason": "CANCELLED", "reason_detail": "api"}
    await store.transition(made.id, made.version, "T80", actor="api", now=NOW, changes=gone)
    assert await free(store, at(10)) == at(10)


async def test_nothing_nearer_than_the_lead_is_offered(store):
    assert await free(store, at(9, 5)) == at(9, 45)


async def test_when_all_later_ones_are_full_one_before_on_the_same_day_is_offered(store):
    wish = at(10, 30)
    slots = [wish + timedelta(minutes=15 * n) for n in range(7 * 96 + 1)]
    await book(store, *slots)
    assert await free(store, wish) == at(10, 15)
    await book(store, at(10, 15), at(10, 0), at(9, 45))
    assert await free(store, wish) is None


def test_the_grid_counts_from_local_midnight():
    zone = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead of UTC
    assert on_grid(datetime(2026, 3, 2, 10, 1, tzinfo=zone), timedelta(minutes=60)).hour == 11
