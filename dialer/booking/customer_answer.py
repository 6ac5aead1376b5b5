"""What comes back from customers' devices: acknowledgements, and answers to the question whether now is a good time."""

from __future__ import annotations

from typing import Any, Final

from dialer.booking.refused import InvalidState, NotFound
from dialer.booking.snooze import can_snooze, snoozed_until
from dialer.callback.push import Answer, PushRecord, token_digest
from dialer.callback.record import Callback
from dialer.callback.state import Actor, Phase
from dialer.clock import Clock
from dialer.config import DialerConfig
from dialer.events import Bus, CallbackChanged, CustomerAnswered
from dialer.store import Store, VersionConflict

TRIES: Final = 5  # a running callback changes a few times a second at most


class CustomerAnswers:
    """Takes answers. A token is good for one of them (api.md §4)."""

    def __init__(self, store: Store, config: DialerConfig, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._config = config
        self._bus = bus
        self._clock = clock

    async def ack(self, push_id: str) -> PushRecord:
        """The device has the message.

        Raises NotFound: when there was none with this id.
        """
        record = await self._store.ack_push(push_id, now=self._clock.now())
        if record is None:
            raise NotFound(f"there is no push message {push_id}")
        return record

    async def answer(self, callback_id: str, token: str, answer: Answer) -> Callback:
        """Takes an answer: yes lets the dial begin, no ends the callback (T63), later puts it off (T70).

        Raises NotFound: when the token belongs to no question of this callback.
        Raises InvalidState: when it was used already, or the callback is not where this answer means anything.
        """
        digest = token_digest(token)
        if await self._store.question(callback_id, digest) is None:
            raise NotFound("there is no such question; the address that came with the push is needed whole")
        callback = await self._fresh(callback_id)
        _check(callback, answer)
        now = self._clock.now()
        if await self._store.answer_push(callback_id, digest, answer, now=now) is None:
            raise InvalidState("the question has been answered already")
        if answer is not Answer.YES:
            callback = await self._move(callback, answer)
        self._bus.publish(CustomerAnswered(callback_id, answer, now))
        return callback

    async def _move(self, callback: Callback, answer: Answer) -> Callback:
        """T63 or T70, whatever else changes the record at the same moment."""
        for _ in range(TRIES):
            _check(callback, answer)
            event, changes = self._transition(callback, answer)
            try:
                moved = await self._store.transition(
                    callback.id, callback.version, event, actor=Actor.CUSTOMER, now=self._clock.now(), changes=changes
                )
            except VersionConflict:
                callback = await self._fresh(callback.id)
                continue
            self._bus.publish(CallbackChanged(moved, event))
            return moved
        raise InvalidState(f"{callback.id} keeps changing")

    def _transition(self, callback: Callback, answer: Answer) -> tuple[str, dict[str, Any]]:
        if answer is Answer.NO:
            return "T63", {"reason_detail": "customer"}
        return "T70", {"next_dial_at": snoozed_until(self._config, callback, self._clock.now())}

    async def _fresh(self, callback_id: str) -> Callback:
        callback = await self._store.get(callback_id)
        if callback is None:
            raise NotFound(f"there is no callback {callback_id}")
        return callback


def _check(callback: Callback, answer: Answer) -> None:
    """Refuses an answer that comes too late or too early."""
    fits = can_snooze(callback) if answer is Answer.LATER else callback.phase is Phase.CONFIRM_WAIT
    if not fits:
        raise InvalidState(f"nothing is asked of the customer any more: the callback is {callback.state}")
