"""A whole node in virtual time: real store rules, router, scenarios; only the telephone network is staged.

Who is called is a `Party`: what its line does, and when, as plain steps. Nothing here knows what a test expects.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from dialer.booking import Booking, CreateRequest
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.config import DialerConfig, load_text
from dialer.detection import Verdict
from dialer.events import Bus, Event
from dialer.node.node import Node
from dialer.rerun import Difference, VirtualClock, VirtualLoop, rerun
from dialer.routing import AgentPool, AgentState, Router
from dialer.scenario import Hearing, House, StoryWriter, TreatmentLibrary
from dialer.store import CallbackFilter, MemoryStore
from dialer.telephony import (
    Answered,
    Bridge,
    DialRequest,
    Ended,
    FirstRtp,
    GatewayHealth,
    Leg,
    LegEnd,
    LegEvent,
    MediaUp,
    PlaybackFinished,
    PlaybackStarted,
    Ringing,
)
from dialer.telephony.ending import LegTimes, Moment, RtpStats
from dialer.telephony.playback import Playback

PROMPT_S = 3.0  # every prompt of the stage
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CUSTOMER = "+12025550100"
CONFIG = """
[node]
lease_s = 15
[gateway.pbx]
uri = "sip:192.0.2.10"
options_ping_s = 0
[gateway.telco]
uri = "sip:192.0.2.20"
options_ping_s = 0
[route_point."8999@P"]
gateway = "pbx"
[route_point."7777@P"]
gateway = "pbx"
[service.sales]
family = "v1"
route_point = "8999@P"
target = "Desk@S.GA"
dial_attempts = 2
dial_retry_delay = 1
ring_timeout = 9
throttle_limit = 0
in_queue_check = false
{service}
{agents}
"""
AGENT = """
[agent.{name}]
address = "sip:{extension}"
groups = ["Desk"]
state = "READY"
"""
EXTENSIONS = {"anna": "7001", "bert": "7002", "carl": "7003"}
CALL_RESULTS = {"human": 33, "machine": 9, "silence": 32, "fax": 17}

Step = tuple[float, str, Any]
"""Seconds after the INVITE, what happens ("ring", "answer", "verdict", "end"), and its particulars."""


@dataclass(frozen=True, slots=True)
class Party:
    """What one line does when it is called: `Party(*steps)`."""

    steps: tuple[Step, ...] = ()


def answers(after_s: float = 1.0, *more: Step) -> Party:
    """Rings at once and answers; `more` follows."""
    return Party(((0.1, "ring", None), (after_s, "answer", None), *more))


def person(answer_s: float = 2.0, *, hangs_up_s: float | None = None) -> Party:
    """Answers, is recognised 1.2 s later; hangs up after so many seconds from the INVITE."""
    left: tuple[Step, ...] = () if hangs_up_s is None else ((hangs_up_s, "end", 200),)
    return answers(answer_s, (answer_s + 1.2, "verdict", "human"), *left)


def refuses(status: int = 486, after_s: float = 0.5) -> Party:
    """Rings, then ends with a status before any answer."""
    return Party(((0.1, "ring", None), (after_s, "end", status)))


RINGS = Party(((0.1, "ring", None),))
"""Never answers."""


class Stage:
    """The telephone network: places legs, plays their parties, notes who is up.

    Attributes:
        parties: by number dialled, one per call; the last one stays.
        legs: all legs ever placed, oldest first.
        requests: how they were dialled.
        played: who heard which file, in order.
    """

    running = True  # as a listener

    def __init__(self, clock: VirtualClock) -> None:
        self.parties: dict[str, list[Party]] = {}
        self.legs: list[Leg] = []
        self.requests: list[DialRequest] = []
        self.played: list[tuple[str, str]] = []
        self.bridges: list[Bridge] = []
        self.fault: Exception | None = None
        self.loop = asyncio.get_running_loop()
        self._clock = clock
        self._tickets = itertools.count(1)
        self._hearings: dict[int, Hearing] = {}
        self._verdicts: dict[int, str] = {}

    # --- as a user agent ---

    async def dial(self, request: DialRequest) -> Leg:
        if self.fault is not None:
            raise self.fault
        leg = Leg(cast("Any", self), len(self.legs), "out", request.gateway, request.number)
        self.legs.append(leg)
        self.requests.append(request)
        parties = self.parties.get(request.number, [RINGS])
        party = parties.pop(0) if len(parties) > 1 else parties[0]
        for at_s, what, particulars in party.steps:
            self.loop.call_later(at_s, self._happen, leg, what, particulars)
        return leg

    async def bridge(self, one: Leg, other: Leg) -> Bridge:
        bridge = Bridge(cast("Any", self), one, other, self._clock.monotonic())
        self.bridges.append(bridge)
        return bridge

    async def conference(self, legs: Sequence[Leg]) -> Bridge:
        return await self.bridge(legs[0], legs[-1])

    def gateway_health(self, name: str) -> GatewayHealth:
        return GatewayHealth(name, known=True, up=True)

    def up(self) -> list[str]:
        """Numbers of the legs that have not ended."""
        return [leg.number for leg in self.legs if leg.end is None]

    def leg_to(self, number: str) -> Leg:
        """The newest leg to a number."""
        return next(leg for leg in reversed(self.legs) if leg.number == number)

    def far_hangs_up(self, number: str) -> None:
        """The other side of the newest leg to a number hangs up now."""
        self._happen(self.leg_to(number), "end", 200)

    # --- as a leg's engine ---

    def next_ticket(self) -> int:
        return next(self._tickets)

    async def load(self, files: Sequence[Path]) -> list[Any]:
        return list(files)

    def play(self, leg: Leg, playback: Playback, playlist: Any) -> None:
        self.played += [(leg.number, file.name) for file in playlist.files]
        self._take(leg, PlaybackStarted(self._clock.monotonic(), playback.ticket))
        if not playlist.loop:
            over = PlaybackFinished(self._clock.monotonic() + PROMPT_S, playback.ticket, complete=True)
            self.loop.call_later(PROMPT_S, self._take, leg, over)

    def stop_playback(self, leg: Leg, playback: Playback) -> None:
        pass

    async def hangup(self, leg: Leg, cause: str | int, _q850: int | None, _headers: Any) -> None:
        status = 200 if leg.is_answered else 487
        self.loop.call_later(0.01, self._end, leg, status, "us", str(cause))

    async def join(self, legs: Sequence[Leg]) -> float:
        return self._clock.monotonic()

    async def part(self, _some: Sequence[Leg], _others: Sequence[Leg]) -> None:
        pass

    # --- as a listener ---

    def listen(self, row: int, _start: int, **_: Any) -> Hearing:
        hearing = self._hearings[row] = Hearing(cast("Any", self), row)
        if row in self._verdicts:
            self._hear(row, self._verdicts.pop(row))
        return hearing

    def answer(self, hearing: Hearing) -> None:
        pass

    def finish(self, hearing: Hearing) -> None:
        self.loop.call_soon(hearing.mark_finished)

    # --- what happens ---

    def _happen(self, leg: Leg, what: str, particulars: Any) -> None:
        now = self._clock.monotonic()
        if what == "ring":
            leg.facts.advance("ringing")
            self._take(leg, Ringing(now))
        elif what == "answer":
            self._mark(leg, "answer", "first_rtp")
            leg.facts.row = leg.key
            for event in (Answered(now), MediaUp(now, leg.key, 0, "PCMU/8000"), FirstRtp(now)):
                self._take(leg, event)
        elif what == "verdict":
            self._hear(leg.key, particulars)
        else:
            self._end(leg, particulars, "far", "normal")

    def _hear(self, row: int, name: str) -> None:
        verdict = Verdict(row, 1.2, name, CALL_RESULTS[name], 0.9, "answered", 0.0, {name: 0.9}, (), "stage")
        if row in self._hearings:
            self._hearings[row].add(verdict)
        else:
            self._verdicts[row] = name

    def _end(self, leg: Leg, status: int, by: Any, cause: str) -> None:
        if leg.end is None:
            progress = leg.progress
            self._take(leg, Ended(self._clock.monotonic(), LegEnd(
                status, "", None, by, cause, False, None, LegTimes(), progress, False, RtpStats(), "",
            )))  # fmt: skip

    def _mark(self, leg: Leg, *names: str) -> None:
        for name in names:
            moment = Moment(self._clock.monotonic(), self._clock.now())
            leg.facts.times = leg.facts.times.with_first(name, moment)

    def _take(self, leg: Leg, event: LegEvent) -> None:
        if leg.end is None:
            leg.take(event)


@dataclass
class VirtualHouse:
    """A running node on a stage.

    Attributes:
        told: every event of the bus, in order.
    """

    config: DialerConfig
    house: House
    stage: Stage
    node: Node
    booking: Booking
    told: list[Event] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def book(self, number: str = CUSTOMER, **parameters: Any) -> str:
        """Books a callback; gives its id."""
        request = CreateRequest("sales", {"_customer_number": number, **parameters}, {}, origin="api_v1")
        callback = await self.booking.create(request)
        self.node.submit(callback)
        await asyncio.sleep(0.002)  # the next one is booked later
        return callback.id

    async def record(self, callback_id: str) -> Callback:
        found = await self.house.store.get(callback_id)
        assert found is not None
        return found

    async def until(self, callback_id: str, *places: State | Phase, within_s: float = 600) -> Callback:
        """Waits until a callback is in one of these states or phases."""
        async with asyncio.timeout(within_s):
            while not {(callback := await self.record(callback_id)).state, callback.phase} & set(places):
                self.changed.clear()
                await self.changed.wait()
        return callback

    async def completed(self, callback_id: str, within_s: float = 600) -> Callback:
        """Waits until a callback is completed and its node has let go of it."""
        callback = await self.until(callback_id, State.COMPLETED, within_s=within_s)
        session = self.node.sessions.get(callback_id)
        if session is not None:
            async with asyncio.timeout(within_s):
                await asyncio.wait({session.task})
        return callback

    async def until_true(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        """Waits until something is so that no event tells."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - as said
                await asyncio.sleep(0.05)

    def hear(self, event: Event) -> None:
        """Takes an event of the bus."""
        self.told.append(event)
        self.changed.set()

    async def events(self, callback_id: str) -> list[str]:
        """Numbers of a callback's transitions."""
        return [entry.event for entry in await self.house.store.history(callback_id)]

    async def results(self, callback_id: str) -> list[tuple[int | None, bool | None]]:
        """Result of each attempt, and whether it counted; all must have ended."""
        attempts = await self.house.store.attempts(callback_id)
        assert all(attempt.ended_at is not None for attempt in attempts)
        return [(attempt.call_result, attempt.counted) for attempt in attempts]

    def states(self) -> dict[str, AgentState]:
        return {status.agent.id: status.state for status in self.house.pool.all()}

    def reason(self, agent_id: str) -> str:
        return self.house.pool.status(agent_id).reason

    async def clean(self) -> None:
        """Nothing is left of any call: no leg, no held agent, no open question, no open attempt."""
        await asyncio.sleep(0.1)
        assert self.stage.up() == []
        busy = {name: state for name, state in self.states().items() if state not in {"READY", "NOT_READY"}}
        assert busy == {}
        assert [name for name in self.states() if self.house.router.holder(name)] == []
        assert self.house.desk.previews() == []
        assert await self.house.store.open_attempts() == []


@asynccontextmanager
async def virtual_house(
    loop: VirtualLoop,
    folder: Path,
    service: str = "",
    agents: Sequence[str] = ("anna",),
    *,
    rerunnable: bool = True,
    **parties: Party | list[Party],
) -> AsyncIterator[VirtualHouse]:
    """A node on a stage, started; stopped at the end, and then nothing may be left.

    Args:
        loop: virtual.
        folder: for the configuration's file.
        service: further lines of [service.sales].
        agents: names of EXTENSIONS, all READY.
        rerunnable: at the end all is run again from its journal, and must come out the same.
        parties: who is at the other end: `customer`, and agents by name.
    """
    tables = "".join(AGENT.format(name=name, extension=EXTENSIONS[name]) for name in agents)
    config = load_text(CONFIG.format(service=service, agents=tables), folder / "dialer.toml")
    clock = VirtualClock(loop, NOON)
    store, bus, pool = await MemoryStore.fresh("node-1"), Bus(), AgentPool()
    for agent in config.routing_agents():
        pool.add(agent, clock.now())
        pool.set_state(agent.id, AgentState.READY, clock.now())
    stage, stories = Stage(clock), StoryWriter(store)
    numbers = {"customer": CUSTOMER.lstrip("+"), "survey": "7777", **EXTENSIONS}
    stage.parties = {numbers[name]: who if isinstance(who, list) else [who] for name, who in parties.items()}
    stories.start()
    house = House(
        node="node-1", lease_s=15, config=config, clock=clock, store=store, bus=bus, user_agent=cast("Any", stage),
        listener=cast("Any", stage), pool=pool, router=Router(pool), library=TreatmentLibrary(None, folder),
        stories=stories,
    )  # fmt: skip
    node = Node(house, calls_per_second=50, max_sessions=10)
    virtual = VirtualHouse(config, house, stage, node, Booking(store, config, bus, clock))
    bus.subscribe(virtual.hear)
    await node.start()
    try:
        yield virtual
        await node.stop(0)
        await asyncio.sleep(0.1)
        assert stage.up() == [], "legs are left after the node's stop"
    finally:
        if not node.draining:
            await node.stop(0)
        await stories.stop()
        told = [(c, await store.history(c.id), await store.journal(c.id)) for c in await store.find(CallbackFilter())]
        await store.close()
    otherwise = [
        str(difference) for story in told if rerunnable and story[2] for difference in rerun_apart(*story, config)
    ]
    assert otherwise == [], otherwise


def rerun_apart(*story: Any) -> list[Difference]:
    """Runs a story again, on a loop and a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(rerun, *story).result()
