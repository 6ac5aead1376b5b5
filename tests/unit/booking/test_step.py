"""A step that several nodes may come to at the same moment: one takes and tells it, the others leave it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialer.booking import take_step
from dialer.callback.record import NewCallback
from dialer.callback.state import Actor, Phase, State
from dialer.events import Bus, CallbackChanged

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
async def callback(store):
    new = NewCallback(service="sales", customer_number="+16505550100", family="v1", target="Sales@S.GA")
    return await store.create(new, event="T01", actor="api", now=NOON)


@pytest.fixture
def told():
    return []


@pytest.fixture
def step(store, told):
    """`step(callback, event, …)` on the store of the test; what the bus hears is in `told`."""
    bus = Bus()
    bus.subscribe(told.append)

    async def take(callback, event, **more):
        return await take_step(store, bus, callback, event, actor=Actor.ENGINE, now=NOON, **more)

    return take


async def test_a_step_is_taken_and_told(store, callback, step, told):
    assert await step(callback, "T06", changes={"reason_detail": "no node"}, note="3 tries")
    kept = await store.get(callback.id)
    assert (kept.state, kept.reason_detail) == (State.COMPLETED, "no node")
    assert (await store.history(callback.id))[-1].note == "3 tries"
    assert told == [CallbackChanged(kept, "T06")]


async def test_of_two_at_the_same_moment_one_takes_the_step(store, callback, step, told):
    took = await asyncio.gather(*(step(callback, "T06", changes={"reason_detail": "no node"}) for _ in range(2)))
    assert sorted(took) == [False, True]
    assert len(told) == 1


@pytest.mark.parametrize("event", ["T53", "T22"])
async def test_a_step_that_does_not_lead_on_from_here_is_left(store, callback, step, told, event):
    assert not await step(callback, event)
    assert (await store.get(callback.id)).position == (State.QUEUED, Phase.SUBMITTING)
    assert told == []


async def test_a_record_that_was_removed_meanwhile_is_left(callback, step, told):
    assert not await step(replace(callback, id="1-gone"), "T06", changes={"reason_detail": "no node"})
    assert told == []
