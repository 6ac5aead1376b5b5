"""Asks the customer by push whether now is a good time, before anybody is called.

    front of the queue, an agent is Ready ─► push CALLBACK_CONFIRM ─┬─ "yes" ──────────────────────────► dial (T61)
                                                                    ├─ "no" ───────────────────────────► CANCELLED (T63)
                                                                    ├─ "later" ────────────────────────► snoozed (T70)
                                                                    └─ silence ─┬─ CONNECT-ANYWAY ─────► dial (T61)
                                                                                └─ FAIL: again (T62), at the limit over

"no" and "later" are taken by whoever receives the answer, in the store, and end this scenario from outside; "yes" is
kept with the question, and the scenario looks for it: it may have come to another node.

Source: transitions T60 to T63 of records.md §3, T51 where no device can be reached; options.md §2.8.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dialer.callback.options import ServiceOptions
from dialer.callback.push import Answer, PushRecord
from dialer.callback.reason import Reason, unreached
from dialer.callback.state import Actor, Phase, State
from dialer.events import CustomerAnswered, Event
from dialer.scenario.house import House
from dialer.scenario.ledger import Ledger
from dialer.store import AttemptConflict

ASKED = "T61"  # the dialling begins after a question
SILENT = "silent"  # begins the note of a question that nobody answered
NUMBER_BUSY_WAIT_S = 1.0
LOOK_EVERY_S = 1.0  # for an answer that another node has received
WAITING = (State.QUEUED, Phase.WAITING)
COMPLETED = (State.COMPLETED, None)


@dataclass(frozen=True, slots=True)
class Start:
    """By which transition the dialling begins, and who caused it."""

    event: str
    actor: Actor = Actor.ENGINE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The readiness question of one attempt."""

    house: House
    service: ServiceOptions
    ledger: Ledger

    async def start(self, unasked: str) -> Start | None:
        """Gives the transition that begins the dialling; asks the customer first where the service wants that.

        Args:
            unasked: that transition where nobody is asked: T30, agent first T40.

        Returns:
            None when nobody is to be called now: the callback is over (T62, T51) or waits for its next question.

        Raises:
            Overtaken: when the record left this scenario's hands: declined, snoozed, cancelled, paused.
            AttemptConflict: when the number is on another call: nobody is asked while talking.
        """
        if not self.service.wait_for_user_confirm:
            return Start(unasked)
        callback = self.ledger.callback
        if await self.house.store.is_called(callback.number):
            raise AttemptConflict(callback.id, callback.number)
        await self.ledger.move("T60")
        asked = await self.house.pushes.ask(self.ledger.callback, self.service)
        accepted, detail = asked.delivery.accepted, asked.record.detail
        self.ledger.story.given("timer", "", "push", accepted=accepted, detail=detail)
        if not accepted:
            return await self._undelivered(asked.record)
        self.ledger.story.tell("timer", f"asked whether the customer is ready, {self.service.user_confirm_timeout:g} s")
        try:
            async with asyncio.timeout(self.service.user_confirm_timeout):
                await self._yes(asked.record)
        except TimeoutError:
            return await self._silent(f"{SILENT} for {self.service.user_confirm_timeout:g} s")
        self.ledger.story.given("timer", "the customer says yes", "yes")
        return Start(ASKED, Actor.CUSTOMER, "the customer is ready")

    async def number_is_busy(self) -> float:
        """The customer is ready, but on a call of another callback: back into the queue; gives for how long, s."""
        await self.ledger.move("T62", to=WAITING, note="the number is on another call")
        return NUMBER_BUSY_WAIT_S

    async def _yes(self, question: PushRecord) -> None:
        """Waits for the answer yes; every other answer ends the scenario from outside."""
        said = asyncio.Event()

        def hear(event: Event) -> None:
            if isinstance(event, CustomerAnswered) and event.callback_id == self.ledger.callback.id:
                said.set()

        unsubscribe = self.house.bus.subscribe(hear)
        try:
            while not await self._answered(question):
                said.clear()
                try:
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await said.wait()
                except TimeoutError:
                    continue
        finally:
            unsubscribe()

    async def _answered(self, question: PushRecord) -> bool:
        """Whether the customer has said yes since this question was put, be it to an older one that came late."""
        asked = await self.house.store.pushes(question.callback_id)
        yes = [kept.answered_at for kept in asked if kept.answer is Answer.YES and kept.answered_at is not None]
        return any(at >= question.created_at for at in yes)

    async def _undelivered(self, question: PushRecord) -> Start | None:
        """No device took the question: like silence where the service connects anyway, else over (T51)."""
        self.ledger.story.tell("timer", f"the question did not reach the customer: {question.detail}")
        if self.service.on_user_confirm_timeout == "CONNECT-ANYWAY":
            return Start(ASKED, note=f"push not deliverable: {question.detail}")
        await self.ledger.move("T62", to=WAITING, note=f"push not deliverable: {question.detail}")
        reason = unreached(legacy_names=self.house.config.compat.legacy_reason_names)
        await self.ledger.move("T51", reason=reason, reason_detail="push")
        return None

    async def _silent(self, note: str) -> Start | None:
        self.ledger.story.tell("timer", f"customer {note}")
        if self.service.on_user_confirm_timeout == "CONNECT-ANYWAY":
            return Start(ASKED, note=note)
        silences = await self._silences() + 1
        if silences < self.service.user_confirm_attempts:
            await self.ledger.move("T62", to=WAITING, note=f"{note}, question {silences}")
        else:
            reason, detail = Reason.FAIL_USER_NO_CONFIRM, f"attempts:{silences}"
            await self.ledger.move("T62", to=COMPLETED, note=note, reason=reason, reason_detail=detail)
        return None

    async def _silences(self) -> int:
        """Questions without an answer since the customer last showed up: the history knows, also after a crash."""
        silences = 0
        for entry in reversed(await self.house.store.history(self.ledger.callback.id)):
            if entry.event in {ASKED, "T70"}:
                break
            silences += entry.event == "T62" and entry.note.startswith(SILENT)
        return silences
