"""The world outside as a tape plays it: legs, ears and agents that do what they did, when they did it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from dialer.clock import Clock
from dialer.rerun.conductor import Conductor
from dialer.rerun.talk import NoRecording
from dialer.rerun.tape import Given, event_of, finding_of
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
CROSSING_S = 2.0  # an end, or a last judgement, that came so shortly after was already on its way
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
        end: how it ended on the tape; None when it did not.
        hung_up: the scenario has ended it.
        rows: rows of the tap that its audio was in.
    """

    leg: Leg
    end: Given | None
    clock: Clock
    zero: float
    hung_up: bool = False
    rows: set[int] = field(default_factory=set)
    tickets: dict[int, int] = field(default_factory=dict)
    playing: int | None = None

    def give(self, given: Given) -> None:
        """Makes an event of the tape happen; an end of our own making only when the scenario has hung up."""
        if given is self.end and not self.hung_up and ends_by_us(given):
            return
        given.done = True
        event = event_of(given.facts, self.clock.monotonic())
        if isinstance(event, PlaybackStarted) and self.playing is not None:
            self.tickets[event.ticket] = self.playing
            event = PlaybackStarted(event.at, self.playing)
        elif isinstance(event, PlaybackFinished):
            ticket = self.tickets.get(event.ticket, self.playing if self.playing is not None else event.ticket)
            event = PlaybackFinished(event.at, ticket, event.complete)
        self._take(event)

    def hang_up(self, cause: str) -> None:
        """Ends the leg as it ended on the tape; soon, when the tape knows no end near to this one."""
        if self.hung_up:
            return
        self.hung_up = True
        if self.end is not None and not self.end.done:
            late = self.clock.monotonic() - self.zero - self.end.at_s
            if ends_by_us(self.end) and late >= 0:
                asyncio.get_running_loop().call_soon(self.give, self.end)
                return
            if ends_by_us(self.end) or -late <= CROSSING_S:
                return  # the conductor gives it
        end = LegEnd(200, "OK", None, "us", cause, False, None, LegTimes(), self.leg.progress, False, RtpStats(), "")
        asyncio.get_running_loop().call_later(SOON_S, lambda: self._take(Ended(self.clock.monotonic(), end)))

    def _take(self, event: LegEvent) -> None:
        facts = self.leg.facts
        step = STEP_OF_EVENT.get(type(event))
        if step is not None:
            facts.times = facts.times.with_first(step, Moment(self.clock.monotonic(), self.clock.now()))
        if type(event) in PROGRESS_OF_EVENT:
            facts.advance(PROGRESS_OF_EVENT[type(event)])
        match event:
            case Ringing(forwarded=True) | Progress(forwarded=True) | Answered(forwarded=True):
                facts.forwarded = True
            case MediaUp(tap_row=row, tap_start=start, codec=codec):
                facts.row, facts.start, facts.codec = row, start, codec
                self.rows |= {row} if row is not None else set()
            case Ended(end=end):
                facts.forwarded |= end.forwarded
        self.leg.take(event)


def ends_by_us(given: Given) -> bool:
    """Whether an end on the tape was a scenario's doing."""
    facts = given.facts
    return facts["ended_by"] == "us" and not facts["local"] and facts["cause"] not in OF_ITSELF


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

    def record(self, _leg: Leg, _path: Path, *, from_start: bool) -> NoRecording:  # noqa: ARG002 - as in the engine
        """Nothing is written."""
        return NoRecording()

    def record_call(self, _leg: Leg, _others: Sequence[Leg], _path: Path) -> NoRecording:
        """Nothing is written."""
        return NoRecording()

    async def rtp(self, _leg: Leg) -> RtpStats:
        """No packets."""
        return RtpStats()

    async def send_dtmf(self, leg: Leg, _digits: str, _method: str, _duration_ms: int) -> bool:
        """Nobody hears them."""
        return leg.end is None

    async def hold(self, leg: Leg) -> bool:
        """Held comes from the tape."""
        return leg.end is None

    retrieve = hold

    async def transfer(self, leg: Leg, _to: object) -> bool:
        """How it goes comes from the tape."""
        return leg.end is None

    transfer_attended = transfer


class TapeUserAgent:
    """Dials the legs of a tape, in its order; one that it does not have stays silent.

    Args:
        conductor: gives what happens.
    """

    taps = None

    def __init__(self, conductor: Conductor) -> None:
        self.engine = TapeEngine()
        self._conductor = conductor
        self._waiting = conductor.run.legs()
        self._early: list[Given] = []
        self._down = {given.facts["gateway"] for given in conductor.run.of("gateway")}
        self.players: dict[str, LegPlayer] = {}
        conductor.take_part(self._give, "event")

    async def dial(self, request: DialRequest) -> Leg:
        """The next leg of the tape."""
        leg = Leg(cast("Any", self.engine), len(self.players), "out", request.gateway, request.number)
        name = self._waiting.pop(0) if self._waiting else leg.id
        ends = [given for given in self._of(name) if given.facts["event"] == Ended.__name__]
        player = LegPlayer(leg, ends[0] if ends else None, self._conductor.clock, self._conductor.zero)
        self.engine.players[leg.id] = self.players[name] = player
        asyncio.get_running_loop().call_soon(self._give_early)
        return leg

    def _give_early(self) -> None:
        """What came before its leg was dialled, which a rerun may do a little later than the recording."""
        early, self._early = self._early, []
        for given in early:
            self._give(given)

    async def bridge(self, one: Leg, other: Leg) -> Bridge:
        """Joins two legs, as far as anybody can tell."""
        return Bridge(cast("Any", self.engine), one, other, self._conductor.clock.monotonic())

    async def conference(self, legs: Sequence[Leg]) -> Any:
        """Joins legs, as far as anybody can tell."""
        return Bridge(cast("Any", self.engine), legs[0], legs[-1], self._conductor.clock.monotonic())

    def gateway_health(self, name: str) -> GatewayHealth:
        """Up, unless the tape says otherwise."""
        return GatewayHealth(name, known=True, up=name not in self._down)

    def leg_of_row(self, row: int) -> str | None:
        """Whose audio is in a row of the tap, by the tape's name of the leg."""
        return next((name for name, player in reversed(self.players.items()) if row in player.rows), None)

    def _of(self, leg: str) -> list[Given]:
        return [given for given in self._conductor.run.of("event") if given.facts["leg"] == leg]

    def _give(self, given: Given) -> None:
        player = self.players.get(given.facts["leg"])
        if player is None:
            self._early.append(given)
        else:
            player.give(given)


class TapeListener:
    """Ears that hear what was heard.

    Args:
        user_agent: knows whose row it is.
        conductor: gives what is heard.
    """

    running = True

    def __init__(self, user_agent: TapeUserAgent, conductor: Conductor) -> None:
        self._user_agent = user_agent
        self._conductor = conductor
        self._open: dict[str, Hearing] = {}
        conductor.take_part(self._give, "finding")

    def listen(self, row: int, _start: int, *, country: str | None = None, answered: bool = False) -> Hearing:  # noqa: ARG002 - as in the listener
        """Begins to hear a leg."""
        hearing = Hearing(cast("Listener", self), row)
        leg = self._user_agent.leg_of_row(row)
        if leg is not None:
            self._open[leg] = hearing
        return hearing

    def answer(self, hearing: Hearing) -> None:
        """The answer was counted when it was heard."""

    def finish(self, hearing: Hearing) -> None:
        """The last judgement is given at once, when there was one shortly after this."""
        now = self._conductor.clock.monotonic() - self._conductor.zero
        for given in self._conductor.run.of("finding"):
            if self._open.get(given.facts["leg"]) is hearing and not given.done and given.at_s - now <= CROSSING_S:
                self._give(given)
        self._open = {leg: other for leg, other in self._open.items() if other is not hearing}
        asyncio.get_running_loop().call_soon(hearing.mark_finished)

    def _give(self, given: Given) -> None:
        hearing = self._open.get(given.facts["leg"])
        if hearing is not None:
            given.done = True
            hearing.add(finding_of(given.facts))


class TapeRouter(Router):
    """Reserves the agents that were reserved, when they were.

    Args:
        pool: gets agents that it does not know.
        conductor: says when.
    """

    def __init__(self, pool: AgentPool, conductor: Conductor) -> None:
        super().__init__(pool)
        self._agents = pool
        self._clock = conductor.clock
        self._coming = conductor.run.of("agent")
        self._asking: list[Callable[[Agent], None]] = []
        conductor.take_part(self._give, "agent")
        self._zero = conductor.zero

    def request(self, *_: Any, on_reserved: Callable[[Agent], None], **__: Any) -> Any:
        """The tape's next reservation, at its time; never, when it has no more."""
        due = [given for given in self._coming if self._zero + given.at_s <= self._clock.monotonic()]
        if due:
            self._hand_out(due[0], on_reserved)
            return None
        self._asking.append(on_reserved)
        return on_reserved

    def cancel(self, request: Any, now: datetime) -> None:  # noqa: ARG002 - as in the router
        """Nobody waits any more."""
        if request in self._asking:
            self._asking.remove(request)

    def release(self, agent_id: str, *_: Any, **__: Any) -> None:
        """The agent is free again."""
        if self._agents.state(agent_id) is not AgentState.READY:
            self._agents.set_state(agent_id, AgentState.READY, self._clock.now())

    def _give(self, given: Given) -> None:
        if self._asking and given in self._coming:
            self._hand_out(given, self._asking.pop(0))

    def _hand_out(self, given: Given, on_reserved: Callable[[Agent], None]) -> None:
        self._coming.remove(given)
        given.done = True
        name = given.facts["agent"]
        if all(status.agent.id != name for status in self._agents.all()):
            self._agents.add(Agent(name, name, f"sip:{name}"), self._clock.now())
        self._agents.set_state(name, AgentState.RESERVED, self._clock.now())
        on_reserved(self._agents.get(name))
