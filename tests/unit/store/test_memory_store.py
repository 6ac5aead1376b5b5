"""The store of virtual runs: same rules, no thread."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from dialer.callback.errors import InvalidTransition
from dialer.callback.record import NewCallback
from dialer.callback.state import State
from dialer.store import MemoryStore, VersionConflict

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
async def store():
    fresh = await MemoryStore.fresh()
    yield fresh
    await fresh.close()


async def booked(store):
    new = NewCallback(service="sales", customer_number="+12025550100", number_e164="+12025550100")
    made = await store.create(new, event="T01", actor="api", now=NOW)
    [claimed] = await store.claim("node-1", now=NOW, limit=10, lease_s=30)
    assert claimed.id == made.id
    return claimed


async def test_it_keeps_to_the_transitions_and_versions_of_the_real_store(store):
    callback = await booked(store)
    after, attempt = await store.begin_attempt(
        callback.id, callback.version, event="T30", now=NOW, node="node-1", lease_s=30
    )
    assert after.state is State.QUEUED
    assert attempt.n == 1
    with pytest.raises(VersionConflict):
        await store.transition(callback.id, callback.version, "T80", actor="api", now=NOW)
    with pytest.raises(InvalidTransition):
        await store.transition(callback.id, after.version, "T73", actor="engine", now=NOW)
    assert [entry.event for entry in await store.history(callback.id)] == ["T01", "T05", "T30"]
    assert [open_one.callback_id for open_one in await store.open_attempts()] == [callback.id]
    assert await store.counts() == {("sales", State.QUEUED): 1}


async def test_it_starts_no_thread(store):
    before = threading.active_count()
    await booked(store)
    assert threading.active_count() == before


async def test_two_of_them_share_nothing(store):
    other = await MemoryStore.fresh()
    await booked(store)
    assert await other.counts() == {}
    await other.close()
