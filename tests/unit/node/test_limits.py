"""What time alone does to callbacks, on a real store and a clock that is set by hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.callback.call_in import AccessWish, CallInState
from dialer.callback.call_result import CallResult
from dialer.callback.options import ServiceOptions
from dialer.callback.record import SCHEDULED, AttemptResult, NewCallback
from dialer.callback.state import Phase, State
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.node.limits import BATCH, TimeLimits
from dialer.node.line import Line
from dialer.node.release import Release
from dialer.routing import AgentPool, Router, WaitBook
from dialer.store import Store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Dial:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Any]:
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'limits.db'}")
    services = {
        "sales": ServiceOptions(family="v1", target="Sales@S.GA", route_point="1@P", queued_ttl=600, submit_lead=120)
    }
    config = DialerConfig(file=tmp_path / "dialer.toml", services=services)
    pool, clock = AgentPool(), Dial()
    router, waits = Router(pool), WaitBook(pool, services)
    house = SimpleNamespace(store=store, config=config, bus=Bus(), clock=clock, pool=pool, router=router, waits=waits)
    line = Line()
    yield SimpleNamespace(
        house=house, clock=clock, store=store, line=line, limits=TimeLimits(house, line, Release(pool, config))
    )  # type: ignore[arg-type]
    await store.close()


async def booked(place: Any, **given: Any) -> str:
    new = NewCallback(service="sales", customer_number="+16505550100", number_e164="+16505550100", family="v1",
                      target="Sales@S.GA", **given)  # fmt: skip
    event = "T02" if given.get("type") == SCHEDULED else "T01"
    return str((await place.store.create(new, event=event, actor="api", now=NOON)).id)


async def test_a_booking_is_submitted_its_lead_before_its_time(place: Any) -> None:
    made = await booked(place, type=SCHEDULED, desired_time=NOON + timedelta(hours=1))
    place.clock.at = NOON + timedelta(minutes=57)
    assert not await place.limits.check()
    assert (await place.store.get(made)).state is State.SCHEDULED
    place.clock.at = NOON + timedelta(minutes=58)
    assert await place.limits.check()
    assert (await place.store.get(made)).state is State.QUEUED


async def test_who_waited_too_long_for_an_agent_is_completed(place: Any) -> None:
    made = await booked(place)
    for callback in await place.store.claim("n", now=NOON, limit=5, lease_s=3600):
        place.line.add(callback)
    place.clock.at = NOON + timedelta(seconds=599)
    await place.limits.check()
    assert made in place.line
    place.clock.at = NOON + timedelta(seconds=600)
    await place.limits.check()
    done = await place.store.get(made)
    assert (done.reason, done.reason_detail, int(done.call_result)) == ("FAIL_TARGET_NOT_FOUND", "queued_ttl", 48)
    assert made not in place.line


async def test_a_record_open_at_the_end_of_its_storage_ends_readably_and_is_removed_an_hour_later(place: Any) -> None:
    made = await booked(place, expires_at=NOON + timedelta(minutes=5))
    place.clock.at = NOON + timedelta(minutes=5)
    await place.limits.check()
    done = await place.store.get(made)
    assert (done.reason, done.reason_detail) == ("FAIL_TIMEOUT_TTL", "ttl")
    place.clock.at += timedelta(minutes=59)
    await place.limits.check()
    assert await place.store.get(made) is not None
    place.clock.at += timedelta(minutes=2)
    await place.limits.check()
    assert await place.store.get(made) is None


async def test_who_was_not_called_by_the_purge_time_is_completed(place: Any) -> None:
    made = await booked(place, deadline_at=NOON + timedelta(minutes=5))
    for callback in await place.store.claim("n", now=NOON, limit=5, lease_s=3600):
        place.line.add(callback)
    place.clock.at = NOON + timedelta(minutes=4)
    await place.limits.check()
    assert (await place.store.get(made)).state is State.QUEUED
    place.clock.at = NOON + timedelta(minutes=5)
    await place.limits.check()
    done = await place.store.get(made)
    assert (done.reason, done.reason_detail) == ("FAIL_TIMEOUT_TTL", "purge_time")
    assert made not in place.line


async def test_a_customer_who_is_being_dialled_is_not_purged(place: Any) -> None:
    made = await booked(place, deadline_at=NOON + timedelta(minutes=5))
    (callback,) = await place.store.claim("n", now=NOON, limit=5, lease_s=3600)
    await place.store.begin_attempt(made, callback.version, now=NOON, node="n", lease_s=3600)
    place.clock.at = NOON + timedelta(minutes=6)
    await place.limits.check()
    assert (await place.store.get(made)).state is State.QUEUED


async def test_who_waits_for_a_retry_longer_than_the_queue_allows_is_completed(place: Any) -> None:
    made = await booked(place)
    (callback,) = await place.store.claim("n", now=NOON, limit=5, lease_s=3600)
    callback, attempt = await place.store.begin_attempt(made, callback.version, now=NOON, node="n", lease_s=3600)
    await place.store.end_attempt(
        attempt, event="T32", actor="engine", now=NOON, result=AttemptResult(call_result=CallResult.BUSY),
        changes={"next_dial_at": NOON + timedelta(hours=9)},
    )  # fmt: skip
    place.clock.at = NOON + timedelta(seconds=599)
    await place.limits.check()
    assert (await place.store.get(made)).phase is Phase.RETRY_WAIT
    place.clock.at = NOON + timedelta(seconds=600)
    await place.limits.check()
    done = await place.store.get(made)
    assert (done.reason, done.reason_detail, done.last_event) == ("FAIL_TARGET_NOT_FOUND", "queued_ttl", "T85")


async def test_a_booking_is_not_purged_before_its_interval_is_over(place: Any) -> None:
    later = NOON + timedelta(hours=2)
    made = await booked(place, type=SCHEDULED, desired_time=later, deadline_at=NOON + timedelta(hours=1))
    place.clock.at = NOON + timedelta(hours=1, minutes=30)
    await place.limits.check()
    assert (await place.store.get(made)).state is State.SCHEDULED


async def test_bookings_that_are_not_due_hide_none_that_is(place: Any) -> None:
    """Another service is submitted long before its time, and has a whole batch of later bookings."""
    slow = ServiceOptions(family="v1", target="Sales@S.GA", route_point="1@P", submit_lead=86400)
    place.house.config.services["slow"] = slow
    made = await booked(place, type=SCHEDULED, desired_time=NOON + timedelta(minutes=1))
    for minute in range(BATCH + 1):
        await booked(place, type=SCHEDULED, desired_time=NOON + timedelta(minutes=10 + minute))
    await place.limits.check()
    assert (await place.store.get(made)).state is State.QUEUED


@pytest.mark.parametrize(
    ("family", "position", "reason"),
    [
        ("v1", (State.COMPLETED, None), "FAIL_CALL_TO_CUSTOMER"),  # T54
        ("v3", (State.QUEUED, Phase.EXPIRED), None),  # T53: out of the queue, purged later
    ],
)
async def test_who_does_not_call_in_time_is_awaited_no_longer(
    place: Any, family: str, position: tuple[State, Phase | None], reason: str | None
) -> None:
    new = NewCallback(service="sales", customer_number="+16505550100", family=family, target="Sales@S.GA")
    wish = AccessWish(group="own", numbers={"+16505550190": ""}, code_length=0, expiry_s=30, unique_dnis=True)
    made = await place.store.create(new, event="T01", actor="api", now=NOON, access=wish)
    [waiting] = await place.store.claim("n", now=NOON, limit=5, lease_s=3600)
    await place.store.transition(waiting.id, waiting.version, "T50", actor="engine", now=NOON)
    place.clock.at = NOON + timedelta(seconds=29)
    await place.limits.check()
    assert (await place.store.get(made.id)).phase is Phase.CALL_IN_WAIT
    place.clock.at = NOON + timedelta(seconds=30)
    await place.limits.check()
    ended = await place.store.get(made.id)
    assert (ended.position, ended.reason, ended.in_queue, ended.node) == (position, reason, False, None)
    [request] = await place.store.call_ins_of(made.id)
    assert request.state is CallInState.EXPIRED
    assert (await place.store.book_access(wish, now=place.clock.at)).to_number == "+16505550190", "free again"
