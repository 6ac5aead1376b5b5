"""What people said, said again at the same time: agents at their desk, customers by their device."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from dialer.callback.options import ServiceOptions
from dialer.callback.push import Answer, PushEvent, PushRecord
from dialer.callback.record import Callback
from dialer.events import Bus, CustomerAnswered
from dialer.push import Courier, Delivery, Question
from dialer.rerun.conductor import Conductor
from dialer.rerun.tape import Given
from dialer.scenario import Desk, Disposition, NotAsked
from dialer.store import MemoryStore


class DeskTape:
    """Gives the agents' answers to the desk.

    Args:
        desk: where the rerun's scenario asks.
        callback_id: whose run it is.
        conductor: says when.
    """

    def __init__(self, desk: Desk, callback_id: str, conductor: Conductor) -> None:
        self._desk = desk
        self._callback_id = callback_id
        conductor.take_part(self._say, "preview", "disposition")

    def _say(self, given: Given) -> None:
        try:
            if given.what == "disposition":
                said = Disposition(code=given.facts["code"], snooze_s=given.facts["snooze_s"])
                self._desk.dispose(self._callback_id, said)
            elif given.facts["preview"] == "accepted":
                self._desk.accept(self._callback_id)
            else:
                self._desk.reject(self._callback_id, reason=given.facts["why"])
        except NotAsked:
            return  # this time nobody asked: the comparison of the decisions says so


class CourierTape(Courier):
    """Delivers questions as they were delivered, and brings the customer's yes when it came.

    Args:
        store: where the answer is looked for.
        bus: where it is told.
        conductor: says when.
    """

    def __init__(self, store: MemoryStore, bus: Bus, conductor: Conductor) -> None:
        self._store = store
        self._bus = bus
        self._conductor = conductor
        self._pushes = conductor.run.of("push")
        self._asked: tuple[str, str] | None = None
        self._answering: asyncio.Task[None] | None = None
        conductor.take_part(self._yes, "yes")

    async def ask(self, callback: Callback, service: ServiceOptions) -> Question:  # noqa: ARG002 - as in the courier
        """The tape's next question; one that was broken off on the tape, or is not on it, comes to no end."""
        clock = self._conductor.clock
        began = clock.now()
        if not self._pushes:
            await asyncio.Event().wait()
        given = self._pushes.pop(0)
        accepted, detail = bool(given.facts["accepted"]), str(given.facts["detail"])
        await asyncio.sleep(max(0.0, self._conductor.zero + given.at_s - clock.monotonic()))
        token = hashlib.sha256(f"{callback.id} {began}".encode()).hexdigest()
        record = PushRecord(
            id=token[:32], callback_id=callback.id, event=PushEvent.CONFIRM, created_at=began, token_digest=token,
            tries=1, accepted=accepted, detail=detail,
        )  # fmt: skip
        await self._store.begin_push(record)
        self._asked = (callback.id, token)
        return Question(record, Delivery(accepted, detail))

    def _yes(self, given: Given) -> None:
        if self._asked is not None:
            given.done = True
            self._answering = asyncio.create_task(self._answer(*self._asked))

    async def _answer(self, callback_id: str, token: str) -> None:
        now = self._conductor.clock.now()
        await self._store.answer_push(callback_id, token, Answer.YES, now=now)
        self._bus.publish(CustomerAnswered(callback_id, Answer.YES, now))

    def tell(self, *_: Any, **__: Any) -> None:
        """Messages that nobody waits for decide nothing."""
