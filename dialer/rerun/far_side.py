"""The world outside as a tape plays it: legs, ears and agents that do what they did, when they did it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from dialer.clock import Clock
from dialer.rerun.tape import Given, LegTape, Run, event_of, finding_of
from dialer.routing import Agent, AgentPool, AgentState, Router
from dialer.scenario import Hearing, Listener
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
    Playlist,
    Progress,
    Ringing,
    Trying,
)
from dialer.telephony.ending import LegTimes, Moment, ProgressWord, RtpStats
from dialer.telephony.playback import Playback

SOON_S = 0.01  # a leg that is hung up otherwise than on the tape ends after this
CROSSING_S = 2.0  # an end that came so shortly after our own hangup crossed it
OF_ITSELF = frozenset({"rtp_timeout", "transport", "session_timer"})
"""Causes of ends that were ours without any scenario's asking."""
STEP_OF_EVENT: dict[type, str] = {
    Trying: "trying", Ringing: "ringing", Answered: "answer", FirstRtp: "first_rtp",
}  # fmt: skip
PROGRESS_OF_EVENT: dict[type, ProgressWord] = {Trying: "trying", Ringing: "ringing", Progress: "session_progress"}


@dataclass(slots=True)
class LegPlayer:
    """Plays one leg's tape into a leg.

    Attributes:
        leg: to play into.
        tape: what happened.
        zero: the loop's time at which the run began.
    """

    leg: Leg
    tape: LegTape
    zero: float
    clock: Clock
    tickets: dict[int, int] = field(default_factory=dict)
    playing: int | None = None
    end: Given | None = None

    def start(self) -> None:
        """Schedules all that comes of itself."""
        for given in self.tape.events:
            if given.facts["event"] != Ended.__name__:
                self._at(given.at_s, partial(self._give, given))
                continue
            self.end = given
            if given.facts["ended_by"] != "us" or given.facts["local"] or given.facts["cause"] in OF_ITSELF:
                self._at(given.at_s, partial(self._give, given))

    def hang_up(self, cause: str) -> None:
        """Ends the leg as it ended on the tape; soon, when the tape knows no end near to this one."""
        now = self.clock.monotonic()
        if self.end is not None:
            due = self.zero + self.end.at_s
            if self.end.facts["ended_by"] == "us" or due - now <= CROSSING_S:
                self._at(max(self.end.at_s, now - self.zero), partial(self._give, self.end))
                return
        end = LegEnd(200, "OK", None, "us", cause, False, None, LegTimes(), self.leg.progress, False, RtpStats(), "")
        self._at(now - self.zero + SOON_S, lambda: self._take(Ended(self.clock.monotonic(), end)))

    def _at(self, at_s: float, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_at(self.zero + at_s, call)

    def _give(self, given: Given) -> None:
        event = event_of(given.facts, self.clock.monotonic())
        if isinstance(event, PlaybackStarted) and self.playing is not None:
            self.tickets[event.ticket] = self.playing
            event = PlaybackStarted(event.at, self.playing)
        elif isinstance(event, PlaybackFinished):
            ticket = self.tickets.get(event.ticket, self.playing if self.playing is not None else event.ticket)
            event = PlaybackFinished(event.at, ticket, event.complete)
        self._take(event)

    def _take(self, event: LegEvent) -> None:
        facts = self.leg.facts
        step = STEP_OF_EVENT.get(type(event))
        if step is not None:
            moment = Moment(self.clock.monotonic(), self.clock.now())
            facts.times = facts.times.with_first(step, moment)
        if type(event) in PROGRESS_OF_EVENT:
            facts.advance(PROGRESS_OF_EVENT[type(event)])
        match event:
            case Ringing(forwarded=True) | Progress(forwarded=True) | Answered(forwarded=True):
                facts.forwarded = True
            case MediaUp(tap_row=row, tap_start=start, codec=codec):
                facts.row, facts.start, facts.codec = row, start, codec
            case Ended(end=end):
                facts.forwarded |= end.forwarded
        self.leg.take(event)


class TapeEngine:
    """What a `Leg` calls upon, without a network."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.players: dict[str, LegPlayer] = {}
        self._tickets = itertools.count(1)

    def next_ticket(self) -> int:
        """A number for a playback."""
        return next(self._tickets)

    async def load(self, _files: Sequence[Path]) -> list[Any]:
        """No sound is needed."""
        return []

    def play(self, leg: Leg, playback: Playback, _playlist: Playlist) -> None:
        """Notes what plays, so that the tape's starts and ends find it."""
        self.players[leg.id].playing = playback.ticket

    def stop_playback(self, leg: Leg, _playback: Playback) -> None:
        """Nothing plays any more."""
        self.players[leg.id].playing = None

    async def hangup(self, leg: Leg, cause: str | int, _q850: int | None, _headers: Mapping[str, str]) -> None:
        """Ends a leg."""
        self.players[leg.id].hang_up(str(cause))

    async def part(self, _some: Sequence[Leg], _others: Sequence[Leg]) -> None:
        """Nothing was mixed."""

    async def send_dtmf(self, leg: Leg, _digits: str, _method: str, _duration_ms: int) -> bool:
        """Nobody hears them."""
        return leg.end is None

    async def hold(self, leg: Leg) -> bool:
        """Held comes from the tape."""
        return leg.end is None

    async def retrieve(self, leg: Leg) -> bool:
        """Retrieved comes from the tape."""
        return leg.end is None

    async def transfer(self, leg: Leg, _uri: str) -> bool:
        """How it goes comes from the tape."""
        return leg.end is None

    async def transfer_attended(self, leg: Leg, _other: Leg) -> bool:
        """How it goes comes from the tape."""
        return leg.end is None

    async def rtp(self, _leg: Leg) -> RtpStats:
        """No packets."""
        return RtpStats()


class TapeUserAgent:
    """Dials the legs of a tape, in its order; one that it does not have stays silent.

    Args:
        run: the tape.
        clock: virtual.
        zero: the loop's time at which the run began.
    """

    def __init__(self, run: Run, clock: Clock, zero: float) -> None:
        self.engine = TapeEngine()
        self._waiting = list(run.legs)
        self._down = run.gateways_down
        self._clock = clock
        self._zero = zero
        self.tapes: dict[str, LegTape] = {}

    async def dial(self, request: DialRequest) -> Leg:
        """The next leg of the tape."""
        leg = Leg(cast("Any", self.engine), len(self.tapes), "out", request.gateway, request.number)
        tape = self._waiting.pop(0) if self._waiting else LegTape(leg.id)
        self.tapes[leg.id] = tape
        player = self.engine.players[leg.id] = LegPlayer(leg, tape, self._zero, self._clock)
        player.start()
        return leg

    async def bridge(self, one: Leg, other: Leg) -> Bridge:
        """Joins two legs, as far as anybody can tell."""
        return Bridge(cast("Any", self.engine), one, other, self._clock.monotonic())

    def gateway_health(self, name: str) -> GatewayHealth:
        """Up, unless the tape says otherwise."""
        return GatewayHealth(name, known=True, up=name not in self._down)

    def findings_of_row(self, row: int) -> list[Given]:
        """What was heard on the leg whose audio is in a row of the tap."""
        for tape in reversed(self.tapes.values()):
            if any(given.facts.get("tap_row") == row for given in tape.events):
                return tape.findings
        return []


class TapeListener:
    """Ears that hear what was heard.

    Args:
        user_agent: knows whose row it is.
        zero: the loop's time at which the run began.
    """

    running = True

    def __init__(self, user_agent: TapeUserAgent, zero: float) -> None:
        self._user_agent = user_agent
        self._zero = zero
        self._due: dict[Hearing, list[Given]] = {}

    def listen(self, row: int, _start: int, *, country: str | None = None, answered: bool = False) -> Hearing:  # noqa: ARG002
        """Schedules what was heard."""
        hearing = Hearing(cast("Listener", self), row)
        due = self._due[hearing] = list(self._user_agent.findings_of_row(row))
        for given in list(due):
            asyncio.get_running_loop().call_at(self._zero + given.at_s, self._give, hearing, given)
        return hearing

    def answer(self, hearing: Hearing) -> None:
        """The answer was counted when it was heard."""

    def finish(self, hearing: Hearing) -> None:
        """The last judgement is given at once, when there was one shortly after this."""
        now = asyncio.get_running_loop().time() - self._zero
        for given in [given for given in self._due[hearing] if given.at_s - now <= CROSSING_S]:
            self._give(hearing, given)
        self._due[hearing].clear()
        asyncio.get_running_loop().call_soon(hearing.mark_finished)

    def _give(self, hearing: Hearing, given: Given) -> None:
        if given in self._due[hearing]:
            self._due[hearing].remove(given)
            hearing.add(finding_of(given.facts))


class TapeRouter(Router):
    """Reserves the agents that were reserved, when they were.

    Args:
        run: the tape.
        pool: gets agents that it does not know.
        clock: virtual.
        zero: the loop's time at which the run began.
    """

    def __init__(self, run: Run, pool: AgentPool, clock: Clock, zero: float) -> None:
        super().__init__(pool)
        self._reserved = list(run.agents)
        self._agents = pool
        self._clock = clock
        self._zero = zero

    def request(self, *_: Any, on_reserved: Callable[[Agent], None], **__: Any) -> Any:
        """The tape's next reservation, at its time; never, when it has no more."""
        if not self._reserved:
            return None
        given = self._reserved.pop(0)
        return asyncio.get_running_loop().call_at(self._zero + given.at_s, self._hand_out, given, on_reserved)

    def cancel(self, request: Any, now: datetime) -> None:  # noqa: ARG002 - as in the router
        """Nobody waits any more."""
        if request is not None:
            request.cancel()

    def release(self, agent_id: str, *_: Any, **__: Any) -> None:
        """The agent is free again."""
        if self._agents.state(agent_id) is not AgentState.READY:
            self._agents.set_state(agent_id, AgentState.READY, self._clock.now())

    def _hand_out(self, given: Given, on_reserved: Callable[[Agent], None]) -> None:
        name = given.facts["agent"]
        if all(status.agent.id != name for status in self._agents.all()):
            self._agents.add(Agent(name, name, f"sip:{name}"), self._clock.now())
        self._agents.set_state(name, AgentState.RESERVED, self._clock.now())
        on_reserved(self._agents.get(name))
