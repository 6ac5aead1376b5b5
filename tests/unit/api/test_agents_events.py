"""Agents' events as server-sent events."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from starlette.requests import Request

from dialer.api.agents_events import last_event_id, sent
from dialer.booking import BadParameter
from dialer.events import AgentChanged, AgentFeed, Bus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def asking(value):
    return Request({"type": "http", "headers": [(b"last-event-id", value.encode())]})


async def test_an_event_carries_its_number_its_name_and_json():
    bus = Bus()
    feed = AgentFeed(bus)
    lines = sent(feed.read())
    assert await anext(lines) == ": agent events\n\n"
    bus.publish(AgentChanged("ann", "READY", "RESERVED", NOON))
    event = await anext(lines)
    await lines.aclose()
    number, name, data = event.strip().split("\n")
    assert (number, name) == ("id: 1", "event: state")
    assert json.loads(data.removeprefix("data: ")) == {
        "agent": "ann", "state": "RESERVED", "old_state": "READY", "at": "2026-03-02T12:00:00.000Z", "reason": "",
    }  # fmt: skip


async def test_a_quiet_stream_says_that_it_lives():
    lines = sent(AgentFeed(Bus()).read(), keep_alive_s=0.0)
    await anext(lines)
    assert await anext(lines) == ": still here\n\n"
    await lines.aclose()


async def test_a_stream_that_lost_messages_says_so_first():
    bus = Bus()
    feed = AgentFeed(bus, kept=1)
    for _ in range(3):
        bus.publish(AgentChanged("ann", "READY", "RESERVED", NOON))
    lines = sent(feed.read(after=0))
    await anext(lines)
    assert await anext(lines) == 'event: lost\ndata: {"messages": 2}\n\n'
    await lines.aclose()


async def test_a_reader_that_goes_away_is_forgotten():
    feed = AgentFeed(Bus())
    lines = sent(feed.read())
    await anext(lines)
    assert feed.readers == 1
    await lines.aclose()
    assert feed.readers == 0


async def test_the_stream_ends_when_the_dialer_stops(make):
    dialer = make()
    async with dialer.client() as client:
        asked = asyncio.create_task(client.get("/api/v1/agent/events", params={"agent": "ann"}))
        app = client._transport.app
        while app.state.agent_feed.readers == 0:  # noqa: ASYNC110 - the answer itself must be under way
            await asyncio.sleep(0)
        app.state.agent_feed.close()
        answer = await asyncio.wait_for(asked, 5)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_events_of_an_unknown_agent_are_refused(make):
    async with make().client() as client:
        assert (await client.get("/api/v1/agents/events", params={"agent": "zoe"})).status_code == 404


def test_the_number_of_the_last_event_is_read():
    assert last_event_id(asking("17")) == 17
    assert last_event_id(asking("")) is None


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "9" * 19, "²"])
def test_a_last_event_id_that_is_no_number_is_refused(value):
    with pytest.raises(BadParameter, match="Last-Event-ID"):
        last_event_id(Request({"type": "http", "headers": [(b"last-event-id", value.encode("latin-1"))]}))
