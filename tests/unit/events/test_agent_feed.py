"""What happens to agents, as their desks hear it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.events import AgentChanged, AgentFeed, Bus, CallbackChanged, DispositionDue, PreviewClosed, PreviewOffered

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CALLBACK = Callback(
    id="1-a", service="sales", state=State.ROUTING, phase=Phase.AGENT_RING, customer_number="+16505550100",
    desired_time=NOON, created_at=NOON, accepted_at=NOON, updated_at=NOON, agent_id="ann",
    user_data={"reason": "billing", "secret": "x"},
)  # fmt: skip


def changed(agent, new, old="READY"):
    return AgentChanged(agent, old, new, NOON)


def moved(phase, state=State.ROUTING, **changes):
    return CallbackChanged(replace(CALLBACK, phase=phase, state=state, **changes), "T35a")


async def read(reader, count):
    return [await asyncio.wait_for(anext(reader), 1) for _ in range(count)]


async def names(reader, count):
    return [message.name for message in await read(reader, count)]


async def test_a_call_is_told_from_its_ringing_to_its_release():
    bus = Bus()
    reader = AgentFeed(bus).read()
    for event in (
        changed("ann", "RINGING"),
        moved(Phase.AGENT_RING),
        moved(Phase.TALKING, State.PROCESSING),
        moved(Phase.TALKING, State.PROCESSING, transferred=True),
        moved(Phase.DISPOSITION, State.PROCESSING),
        DispositionDue("ann", CALLBACK, NOON),
        moved(None, State.COMPLETED),
        changed("ann", "READY", "WRAP_UP"),
    ):
        bus.publish(event)
    assert await names(reader, 6) == ["state", "ringing", "talking", "disposition_due", "state", "released"]


async def test_a_preview_is_offered_with_its_data_and_closed_with_how_it_ended():
    bus = Bus()
    reader = AgentFeed(bus).read("ann")
    bus.publish(PreviewOffered("ann", CALLBACK, {"number": "+16505550100"}, NOON))
    bus.publish(PreviewClosed("ann", CALLBACK.id, "timeout", NOON))
    offered, closed = await read(reader, 2)
    assert offered.name == "preview"
    assert offered.data == {
        "agent": "ann", "callback": "1-a", "number": "+16505550100", "until": "2026-03-02T12:00:00.000Z",
    }  # fmt: skip
    assert (closed.name, closed.data["how"]) == ("preview_closed", "timeout")


async def test_an_agent_is_shown_the_number_and_the_keys_that_the_service_shows():
    bus = Bus()
    reader = AgentFeed(bus, lambda service: ("reason",) if service == "sales" else ()).read()
    bus.publish(moved(Phase.AGENT_RING))
    [message] = await read(reader, 1)
    assert message.data["number"] == "+16505550100"
    assert message.data["user_data"] == {"reason": "billing"}


async def test_a_reader_hears_of_one_agent_alone_when_it_asks_for_it():
    bus = Bus()
    reader = AgentFeed(bus).read("bob")
    bus.publish(changed("ann", "READY"))
    bus.publish(changed("bob", "READY"))
    [message] = await read(reader, 1)
    assert message.agent == "bob"


async def test_who_was_cut_off_goes_on_after_the_last_message_read():
    bus = Bus()
    feed = AgentFeed(bus)
    for name in ("READY", "NOT_READY", "LOGGED_OUT"):
        bus.publish(changed("ann", name))
    again = feed.read(after=1)
    assert [message.n for message in await read(again, 2)] == [2, 3]
    assert again.dropped == 0


async def test_who_was_away_for_too_long_is_told_how_much_is_lost():
    bus = Bus()
    feed = AgentFeed(bus, kept=2)
    for _ in range(5):
        bus.publish(changed("ann", "READY"))
    assert feed.read(after=1).dropped == 2


async def test_a_slow_reader_loses_the_oldest_and_keeps_nobody_waiting():
    bus = Bus()
    reader = AgentFeed(bus, kept=2).read(capacity=2)
    for name in ("READY", "NOT_READY", "LOGGED_OUT"):
        bus.publish(changed("ann", name))
    assert reader.dropped == 1
    assert [message.data["state"] for message in await read(reader, 2)] == ["NOT_READY", "LOGGED_OUT"]


async def test_closing_the_feed_ends_every_reader_and_who_comes_later():
    bus = Bus()
    feed = AgentFeed(bus)
    early = feed.read()
    feed.close()
    assert [message async for message in early] == []
    assert [message async for message in feed.read()] == []
    assert feed.readers == 0
