"""The callback as it stands in the store, moved only along its transitions and told to all observers.

A scenario never writes a field by itself. When somebody else changed the record meanwhile (a cancel by the API), the
ledger reads it again: a record that has left the scenario's hands ends the scenario by `Overtaken`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dialer.callback.errors import InvalidTransition
from dialer.callback.record import Attempt, AttemptResult, Callback
from dialer.callback.state import Actor, Phase, Position, State, position_name
from dialer.events import AttemptEnded, AttemptStarted, CallbackChanged
from dialer.scenario.house import House
from dialer.scenario.story import Story
from dialer.store import AttemptClosed, UnknownCallback, VersionConflict

CONFLICT_TRIES = 5  # a record is changed from outside a few times in its life, not in a loop


class Overtaken(Exception):  # noqa: N818 - it says what happened to the record, not that something is wrong
    """The record was completed or taken over by somebody else; its scenario ends and releases its legs."""

    def __init__(self, callback: Callback) -> None:
        super().__init__(f"callback {callback.id} became {position_name(callback.position)} by somebody else")
        self.callback = callback


@dataclass(slots=True)
class Ledger:
    """Moves one callback and its open attempt through the store."""

    house: House
    callback: Callback
    story: Story
    attempt: Attempt | None = field(default=None)

    async def begin_attempt(self, event: str = "T30", *, actor: Actor = Actor.ENGINE, note: str = "") -> Attempt:
        """Commits the attempt's row together with the transition; only then may an INVITE leave.

        Raises:
            Overtaken: when the record is no longer this node's.
            AttemptConflict: when another call to the same number is up.
        """
        house = self.house
        try:
            self.callback, self.attempt = await house.store.begin_attempt(
                self.callback.id, self.callback.version, event=event, now=house.clock.now(), node=house.node,
                lease_s=house.lease_s, actor=actor, to=self._dialing(event), note=note,
            )  # fmt: skip
        except (VersionConflict, InvalidTransition) as conflict:
            await self._read_again(conflict)
            return await self.begin_attempt(event, actor=actor, note=note)
        self.story.attempt = self.attempt.n
        self._told(event, f"attempt {self.attempt.n}")
        house.bus.publish(AttemptStarted(self.callback, self.attempt))
        return self.attempt

    @staticmethod
    def _dialing(event: str) -> Position | None:
        """Where a transition leads that may also lead elsewhere: a confirmed callback is dialled here (T61)."""
        return (State.QUEUED, Phase.DIALING) if event == "T61" else None

    async def begin_called_in(self, request_id: str, ani: str | None, result: AttemptResult) -> None:
        """The customer who called in is matched (T52): request, callback and attempt change together.

        Raises:
            RequestGone, AttemptConflict, VersionConflict, InvalidTransition: and nothing has changed.
        """
        house = self.house
        now = result.answered_at or house.clock.now()  # the attempt begins with its answer, not a moment after it
        self.callback, self.attempt = await house.store.begin_called_in(
            request_id, self.callback.id, self.callback.version, ani=ani, result=result, now=now,
            node=house.node, lease_s=house.lease_s,
        )  # fmt: skip
        self.story.attempt = self.attempt.n
        self._told("T52", f"attempt {self.attempt.n}")
        house.bus.publish(AttemptStarted(self.callback, self.attempt))

    async def reached(self, result: AttemptResult, event: str = "T31") -> None:
        """A person is on the line (T31, agent first T44); the attempt stays open until the leg ends.

        Raises:
            Overtaken: when the callback was cancelled meanwhile.
        """
        assert self.attempt is not None
        try:
            self.callback, self.attempt = await self.house.store.answer_attempt(
                self.attempt, event=event, now=self.house.clock.now(), result=result
            )
        except (AttemptClosed, InvalidTransition) as conflict:
            await self._lost(conflict)
        self._told(event, "")

    async def move(
        self, event: str, *, to: Position | None = None, actor: Actor = Actor.ENGINE, note: str = "", **changes: object
    ) -> None:
        """Makes a transition; `to` says where to, when it may lead to several places.

        Raises:
            Overtaken: when the record is no longer this scenario's.
        """
        for _ in range(CONFLICT_TRIES):
            try:
                self.callback = await self.house.store.transition(
                    self.callback.id, self.callback.version, event, actor=actor, now=self.house.clock.now(),
                    to=to, changes=changes, note=note,
                )  # fmt: skip
                break
            except (VersionConflict, InvalidTransition) as conflict:
                await self._read_again(conflict)
        self._told(event, note)

    async def end_attempt(
        self, event: str, result: AttemptResult, *, actor: Actor = Actor.ENGINE, note: str = "", **changes: object
    ) -> None:
        """Closes the open attempt with its result, in one transaction with the transition it causes.

        Raises:
            Overtaken: when somebody else completed the callback; `close_attempt` then closes what is left of it.
        """
        assert self.attempt is not None
        attempt, now = self.attempt, self.house.clock.now()
        try:
            self.callback = await self.house.store.end_attempt(
                attempt, event=event, actor=actor, now=now, result=result, changes=changes, note=note
            )
        except (AttemptClosed, InvalidTransition) as conflict:
            await self._lost(conflict)
        self.attempt = None
        self._told(event, note)
        self.house.bus.publish(AttemptEnded(self.callback, replace(attempt.noting(result), ended_at=now)))

    async def close_attempt(self, result: AttemptResult) -> None:
        """Closes an attempt whose callback somebody else has moved on (cancel, purge); nothing when none is open."""
        if self.attempt is not None:
            attempt, self.attempt, now = self.attempt, None, self.house.clock.now()
            self.callback = await self.house.store.close_attempt(attempt, now=now, result=result)
            self.house.bus.publish(AttemptEnded(self.callback, replace(attempt.noting(result), ended_at=now)))

    async def read(self) -> None:
        """Takes the record as it stands: a write that was going on when its task was cancelled may have been made."""
        self.callback = await self._fresh()

    async def _read_again(self, conflict: Exception) -> None:
        """Takes a change from outside over, when the callback is still where this scenario left it."""
        before = self.callback
        fresh = await self._fresh()
        if fresh.position != before.position or fresh.node not in {None, self.house.node}:
            raise Overtaken(fresh) from conflict
        if fresh.version == before.version:
            raise conflict  # nobody changed it: the transition itself is wrong, and that is a fault of ours
        self.callback = fresh

    async def _lost(self, conflict: Exception) -> None:
        """The attempt was closed under us: by a cancel, or by another node that took the callback over."""
        fresh = await self._fresh()
        if isinstance(conflict, InvalidTransition) and fresh.version == self.callback.version:
            raise conflict
        raise Overtaken(fresh) from conflict

    async def _fresh(self) -> Callback:
        fresh = await self.house.store.get(self.callback.id)
        if fresh is None:
            raise UnknownCallback(self.callback.id)
        return fresh

    def _told(self, event: str, note: str) -> None:
        callback = self.callback
        reason = f", {callback.reason}" if callback.reason else ""
        words = f"{event}: {position_name(callback.position)}{reason}"
        self.story.tell("state", f"{words} ({note})" if note else words, event=event)
        self.house.bus.publish(CallbackChanged(callback, event))
