"""A caller without a telephone: what is said to it is noted, what it presses is written down before."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from dialer.booking import Booking
from dialer.config import load_text
from dialer.events import Bus
from dialer.routing import AgentPool, AgentState, WaitBook
from dialer.scenario.inbound.application_call import ApplicationCall
from dialer.store import CallbackFilter, MemoryStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANNA = "+12025550143"
BASE = """[gateway.pbx]
uri = "sip:192.0.2.10"
[service.back]
family = "v1"
target = "Desk@Lab.GA"
slot_duration_min = 15
throttle_limit = 0
in_queue_check = false
[agent.ann]
address = "sip:7001"
groups = ["Desk"]
state = "READY"
[application.ivr]
numbers = ["+16505550100"]
published = true
"""


class StillClock:
    """A time that goes on only when it is told to."""

    def __init__(self):
        self.at = NOW

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()


@dataclass
class PaperLeg:
    """A leg that is only looked at."""

    called_number: str = "+16505550100"
    caller: str = ANNA
    caller_name: str = "Anna"
    sip_call_id: str = "call-1"
    transferred_to: list[str] = field(default_factory=list)

    async def transfer(self, uri):
        self.transferred_to.append(uri)
        return "refused" not in uri

    async def hangup(self, cause="normal"):
        """Ends nothing."""


@dataclass
class PaperLine:
    """A line on which keys were pressed beforehand."""

    keys: deque[str]
    leg: PaperLeg = field(default_factory=PaperLeg)
    said: list[str] = field(default_factory=list)
    language: str | None = None
    handed_over: bool = False
    closed: bool = False

    async def answer(self):
        """Is there."""

    async def close(self):
        self.closed = True

    async def say(self, *names, barge_in=False):
        self.said += names

    async def ask(self, prompts, **_):
        self.said += prompts
        return self.keys.popleft() if self.keys else ""


@dataclass
class Desk:
    """Runs an application for a caller on paper."""

    folder: object
    store: MemoryStore
    clock: StillClock = field(default_factory=StillClock)
    routed: list[tuple[str, str, str]] = field(default_factory=list)

    async def call(self, blocks, *keys, caller=ANNA, more="", agents=True, handed_over=False):
        """One call; gives line and application run."""
        config = load_text(BASE + blocks + more, self.folder / "dialer.toml")
        pool = AgentPool()
        for agent in config.routing_agents():
            pool.add(agent, NOW)
            pool.set_state(agent.id, AgentState.READY if agents else AgentState.LOGGED_OUT, NOW)
        self.waits = WaitBook(pool, config.services)
        bus = Bus()
        house = SimpleNamespace(config=config, clock=self.clock, store=self.store, bus=bus, waits=self.waits)
        booking = Booking(self.store, config, bus, self.clock)
        run = ApplicationCall(house, booking, lambda _: asyncio.get_running_loop().create_future(), "ivr")
        line = PaperLine(deque(keys), PaperLeg(caller=caller), handed_over=handed_over)
        await run.serve(line)
        return line, run

    async def callbacks(self):
        """What was booked."""
        return await self.store.find(CallbackFilter())

    def later(self, seconds):
        self.clock.at += timedelta(seconds=seconds)


@pytest.fixture
async def desk(tmp_path):
    store = await MemoryStore.fresh()
    yield Desk(tmp_path, store)
    await store.close()
