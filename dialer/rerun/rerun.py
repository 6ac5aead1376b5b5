"""Runs what a node did with a callback again, from what the store keeps of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import cast

from dialer.callback.pause import PauseSwitch
from dialer.callback.record import Callback, HistoryEntry, JournalEntry, NewCallback
from dialer.callback.state import State
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.rerun.answers import CourierTape, DeskTape
from dialer.rerun.compare import Difference, first_difference
from dialer.rerun.conductor import LOOK_EVERY_S, PATIENCE_S, Conductor
from dialer.rerun.far_side import TapeListener, TapeRouter, TapeUserAgent
from dialer.rerun.talk import CommandTape
from dialer.rerun.tape import Given, Run, runs_of
from dialer.rerun.virtual_time import VirtualClock, VirtualLoop, run_virtually
from dialer.routing import AgentPool
from dialer.scenario import (
    CallAttempt,
    House,
    Interruption,
    Listener,
    StoryWriter,
    TreatmentLibrary,
    attempt_of,
)
from dialer.store import MemoryStore, Store
from dialer.telephony import UserAgent

NODE = "rerun"
LEASE_S = 10 * 86_400.0
LONGEST_RUN_S = 2 * 86_400.0  # of virtual time; whoever still waits then waits for what the tape does not have
OF_THE_LINE = frozenset({"T05", "T33"})  # made by a node when it takes a callback
OF_RECOVERY = frozenset({"T90", "T91", "T92"})
LOOKS = int(PATIENCE_S / LOOK_EVERY_S)
BY_THE_RECORD = frozenset({Interruption.CANCELLED, Interruption.MOVED})
JUST_S = 0.05  # a run begins so shortly before its first transition is written


class NotRerunnable(Exception):  # noqa: N818 - says what is missing
    """The store does not keep what a rerun needs."""


def rerun(
    callback: Callback, history: Sequence[HistoryEntry], journal: Sequence[JournalEntry], config: DialerConfig
) -> list[Difference]:
    """Runs every run of a callback again, in virtual time.

    Args:
        callback: as it stands at the end.
        history: its transitions, oldest first.
        journal: its steps, in order of time.
        config: with its service; another configuration, or another version of this program, may decide otherwise.

    Returns:
        The first difference of each run that went another way; empty when all decisions were the same.

    Raises:
        NotRerunnable: when the journal keeps nothing that was given, or the service is gone.
    """
    runs = runs_of(journal)
    if not runs or not history:
        raise NotRerunnable(f"the journal of {callback.id} does not keep what was given to it; nothing to rerun")
    if callback.service not in config.services:
        raise NotRerunnable(f"the service {callback.service!r} of {callback.id} is not in this configuration")
    if config.options_for(callback).call_direction == "USERORIGINATED":
        raise NotRerunnable(f"{callback.id} waited for its customer's call; only calls that the dialer makes are rerun")
    return run_virtually(lambda loop: Rerun(callback, list(history), runs, config, loop).go())


class Kept(StoryWriter):
    """Keeps the decisions of the rerun in memory."""

    def __init__(self) -> None:
        super().__init__(cast("Store", None))
        self.decisions: list[JournalEntry] = []

    def add(self, callback_id: str, entry: JournalEntry) -> None:  # noqa: ARG002 - there is one callback
        """Keeps a decision; what was given is on the tape."""
        if "given" not in entry.data:
            self.decisions.append(entry)

    async def until_made(self, transitions: int) -> None:
        """Waits a moment for transitions that were made before something happened from outside."""
        for _ in range(LOOKS):
            if sum(1 for entry in self.decisions if entry.kind == "state" and "event" in entry.data) >= transitions:
                return
            await asyncio.sleep(LOOK_EVERY_S)


class TapeLibrary(TreatmentLibrary):
    """Finds what is on this machine, and believes that what was fetched from elsewhere is still there."""

    async def _fetch(self, uri: str) -> Path | None:
        return Path(uri.rsplit("/", 1)[-1])


@dataclass(slots=True)
class Rerun:
    """One callback's life, again."""

    callback: Callback
    history: list[HistoryEntry]
    runs: list[Run]
    config: DialerConfig
    loop: VirtualLoop
    clock: VirtualClock = field(init=False)
    store: MemoryStore = field(init=False)
    _stopping: asyncio.Task[None] | None = None

    async def go(self) -> list[Difference]:
        """Walks through the history: what came from outside is done again, what a run did is left to the run."""
        self.clock = VirtualClock(self.loop, self.callback.created_at)
        self.store = await MemoryStore.fresh(NODE)
        first = self.history.pop(0)
        await self.store.create(self._new(first), event=first.event, actor=first.actor, now=self.clock.now())
        differences = []
        for number, run in enumerate(self.runs, 1):
            if not run.transitions:
                continue  # it stood aside at once: the number was on another call
            await self._until_run(run)
            difference = await self._run(number, run)
            if difference is not None:
                differences.append(difference)
                break  # what comes after it comes from it
        await self.store.close()
        return differences

    def _new(self, first: HistoryEntry) -> NewCallback:
        kept = {name.name: getattr(self.callback, name.name) for name in fields(NewCallback)}
        if first.event == "T03":
            kept["resume_state"] = State.SCHEDULED if self.callback.type != "immediate" else State.QUEUED
        return NewCallback(**kept)

    async def _until_run(self, run: Run) -> None:
        """Does what happened to the record before the run."""
        while self.history and not self._belongs(self.history[0], run):
            await self._outside(self.history.pop(0))
        await self._sleep_until(run.began)

    def _belongs(self, entry: HistoryEntry, run: Run) -> bool:
        near = (entry.at - run.began).total_seconds() >= -JUST_S
        return near and bool(run.transitions) and entry.event == run.transitions[0]

    def _during(self, run: Run, entry: HistoryEntry) -> bool:
        """Whether something that was not this run's own happened while it ran, rather than in the next one."""
        later = self.runs[self.runs.index(run) + 1 :]
        return entry.at <= run.last and not (later and self._belongs(entry, later[0]))

    async def _outside(self, entry: HistoryEntry) -> None:
        """Makes a transition that no scenario made."""
        await self._sleep_until(entry.at)
        now = self.clock.now()
        if entry.event in OF_THE_LINE:
            await self.store.claim(NODE, now=now, limit=1, lease_s=LEASE_S)
            return
        if entry.event in OF_RECOVERY:
            await self.store.recover(now=now, node=NODE)
            return
        standing = await self._record()
        ends = entry.to_state is State.COMPLETED
        changes = {"reason": self.callback.reason, "reason_detail": self.callback.reason_detail} if ends else {}
        assert entry.to_state is not None
        await self.store.transition(
            standing.id, standing.version, entry.event, actor=entry.actor, now=now,
            to=(entry.to_state, entry.to_phase), changes=changes,
        )  # fmt: skip

    async def _run(self, number: int, run: Run) -> Difference | None:
        kept = Kept()
        conductor = Conductor(run, self.clock, self.loop.time(), lambda: len(kept.decisions))
        house = self._house(conductor, kept)
        attempt = attempt_of(house, await self._record())
        attempt.reserve()
        if run.of("paused"):
            self._pause(house)
        if run.of("forbidden"):
            await self.store.forbid_number(self.callback.number, now=self.clock.now())
        task = asyncio.create_task(attempt.run())
        conductor.take_part(lambda given: self._interrupt(given, attempt, task), "interruption")
        conductor.take_part(CommandTape(attempt).give, "command")
        others = [
            asyncio.create_task(conductor.perform()),
            asyncio.create_task(self._meanwhile(run, attempt, task, kept)),
        ]
        await asyncio.wait({task}, timeout=LONGEST_RUN_S)
        for other in (task, *others):
            other.cancel()
        await asyncio.gather(task, *others, return_exceptions=True)
        again = kept.decisions
        if self.history and self.history[0].event in OF_RECOVERY:
            again = again[: len(run.decisions)]  # the node died: the recording ends in the midst of it
        if not task.cancelled() and (fault := task.exception()) is not None:
            return Difference(number, "state", conductor.clock.monotonic() - conductor.zero, None, repr(fault))
        return first_difference(number, run.decisions, again)

    def _interrupt(self, given: Given, attempt: CallAttempt, task: asyncio.Task[None]) -> None:
        """The run was broken off; by a record that was changed from outside this happens with that change."""
        why = Interruption(given.facts["why"])
        if why not in BY_THE_RECORD:
            self._stopping = asyncio.create_task(attempt.interrupt(why, task))

    def _pause(self, house: House) -> None:
        """An operator had paused the service."""
        switch = PauseSwitch(service=self.callback.service, paused=True, abort_dials=False, at=self.clock.now())
        house.pauses.take([switch])

    async def _meanwhile(self, run: Run, attempt: CallAttempt, task: asyncio.Task[None], kept: Kept) -> None:
        """While the scenario runs: takes its own transitions from the history, and does those from outside."""
        own = list(run.transitions)
        while self.history and (own or self._during(run, self.history[0])):
            entry = self.history[0]
            if own and entry.event == own[0]:
                own.pop(0)
                self.history.pop(0)
                continue
            await self._sleep_until(entry.at)
            await kept.until_made(len(run.transitions) - len(own))
            if entry.event in OF_RECOVERY:
                task.cancel()
                return
            await self._outside(self.history.pop(0))
            whys = [Interruption(given.facts["why"]) for given in run.of("interruption")]
            for why in [why for why in whys if why in BY_THE_RECORD]:
                await attempt.interrupt(why, task)

    def _house(self, conductor: Conductor, kept: Kept) -> House:
        pool, bus = AgentPool(), Bus()
        for agent in self.config.routing_agents():
            pool.add(agent, self.clock.now())
        user_agent = TapeUserAgent(conductor)
        house = House(
            node=NODE,
            lease_s=LEASE_S,
            config=self.config,
            clock=self.clock,
            store=self.store,
            bus=bus,
            user_agent=cast("UserAgent", user_agent),
            listener=cast("Listener", TapeListener(user_agent, conductor)),
            pool=pool,
            router=TapeRouter(pool, conductor),
            library=TapeLibrary(self.config.media.treatments_dir, Path()),
            stories=kept,
            pushes=CourierTape(self.store, bus, conductor),
        )
        DeskTape(house.desk, self.callback.id, conductor)
        return house

    async def _record(self) -> Callback:
        found = await self.store.get(self.callback.id)
        assert found is not None
        return found

    async def _sleep_until(self, moment: datetime) -> None:
        await asyncio.sleep(max(0.0, (moment - self.clock.now()).total_seconds()))
