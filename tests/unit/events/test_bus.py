"""The bus: order, independence of observers, bounded streams."""

import asyncio
from datetime import UTC, datetime

import pytest

from dialer.events import Bus, NodeState

AT = datetime(2026, 3, 2, 16, tzinfo=UTC)


def event(n: int) -> NodeState:
    return NodeState(node=f"node-{n}", state="started", at=AT)


def test_every_subscriber_sees_every_event_in_order():
    bus = Bus()
    first, second = [], []
    bus.subscribe(first.append)
    bus.subscribe(second.append)
    for n in range(3):
        bus.publish(event(n))
    assert first == second == [event(0), event(1), event(2)]
    assert bus.published == 3


def test_an_unsubscribed_function_hears_nothing_more_and_may_be_unsubscribed_twice():
    bus = Bus()
    heard = []
    unsubscribe = bus.subscribe(heard.append)
    bus.publish(event(0))
    unsubscribe()
    unsubscribe()
    bus.publish(event(1))
    assert heard == [event(0)]


def test_a_failing_subscriber_is_logged_and_counted_and_the_others_still_hear(caplog):
    bus = Bus()
    heard = []

    def fail(_event):
        raise RuntimeError("broken observer")

    bus.subscribe(fail)
    bus.subscribe(heard.append)
    bus.publish(event(0))
    assert heard == [event(0)]
    assert bus.faults == 1
    assert "broken observer" in caplog.text


def test_a_subscriber_may_unsubscribe_while_an_event_is_published():
    bus = Bus()
    heard = []
    unsubscribe = bus.subscribe(lambda _event: unsubscribe())
    bus.subscribe(heard.append)
    bus.publish(event(0))
    bus.publish(event(1))
    assert heard == [event(0), event(1)]


async def test_a_stream_yields_events_published_before_and_while_it_is_read():
    bus = Bus()
    stream = bus.stream()
    bus.publish(event(0))
    assert await anext(stream) == event(0)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    bus.publish(event(1))
    assert await waiting == event(1)


async def test_a_full_stream_drops_its_oldest_events_and_counts_them():
    bus = Bus()
    stream = bus.stream(capacity=2)
    for n in range(5):
        bus.publish(event(n))
    stream.close()
    assert [e async for e in stream] == [event(3), event(4)]
    assert stream.dropped == 3


async def test_a_closed_stream_ends_and_gets_no_further_events():
    bus = Bus()
    stream = bus.stream()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.close()
    stream.close()
    bus.publish(event(0))
    with pytest.raises(StopAsyncIteration):
        await waiting


def test_a_stream_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Bus().stream(capacity=0)


async def test_what_a_named_reader_loses_is_shown_and_others_are_not():
    bus = Bus()
    slow, unnamed = bus.stream(2, "mqtt"), bus.stream(1)
    for n in range(5):
        bus.publish(event(n))
    assert bus.dropped == {"mqtt": 3}
    slow.close()
    unnamed.close()
    assert bus.dropped == {}


async def test_events_that_are_there_are_taken_without_waiting():
    bus = Bus()
    stream = bus.stream()
    for n in range(3):
        bus.publish(event(n))
    assert stream.take(2) == [event(0), event(1)]
    assert stream.take(2) == [event(2)]
    assert stream.take(2) == []
