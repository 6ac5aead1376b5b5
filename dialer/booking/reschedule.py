"""Moves a booked callback to another time: later, or into the queue at once; also while its service is paused.

Source: transitions T11 to T13 of records.md §3; api.md §2.4, §5.3.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from dialer.booking.desired_time import deadline_of, expiry_of, is_scheduled, read_desired_time
from dialer.booking.refused import InvalidState, NotFound, Unavailable
from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import Actor, State
from dialer.clock import Clock
from dialer.config import DialerConfig
from dialer.events import Bus, CallbackChanged
from dialer.store import Store, VersionConflict

TRIES: Final = 5  # a booked callback changes when its time comes, not in a loop


class Rescheduling:
    """Gives booked callbacks another time. The record, its id and its history stay (decisions N-7)."""

    def __init__(self, store: Store, config: DialerConfig, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._config = config
        self._bus = bus
        self._clock = clock

    async def move(
        self,
        callback_id: str,
        desired_time: str | None,
        actor: Actor = Actor.API,
        *,
        service: str | None = None,
        user: str | None = None,
    ) -> Callback:
        """Gives a callback another desired time.

        Args:
            callback_id: which.
            desired_time: the new time as text; None: now.
            actor: API or ADMIN.
            service: it must belong to this one; None: to any.
            user: console user; kept as who rescheduled.

        Raises NotFound: when there is none, or it belongs to another service.
        Raises InvalidState: when its time has come already.
        Raises BadDesiredTime: when the time cannot be used.
        """
        for _ in range(TRIES):
            callback = await self._store.get(callback_id)
            if callback is None or (service is not None and callback.service != service):
                raise NotFound(f"there is no callback {callback_id}" + (f" in {service}" if service else ""))
            event, changes = self._transition(callback, desired_time)
            if actor is Actor.ADMIN:
                changes["rescheduled_by"] = user
            try:
                moved = await self._store.transition(
                    callback.id, callback.version, event, actor=actor, now=self._clock.now(), changes=changes, user=user
                )
            except VersionConflict:
                continue
            self._bus.publish(CallbackChanged(moved, event))
            return moved
        raise Unavailable(f"{callback_id} keeps changing; try again")

    def _transition(self, callback: Callback, desired_time: str | None) -> tuple[str, dict[str, Any]]:
        paused = callback.state is State.PAUSED and callback.resume_state is State.SCHEDULED
        if callback.state is not State.SCHEDULED and not paused:
            raise InvalidState(f"{callback.id} is {callback.state}: only a booked callback can be given another time")
        options, now = self._options(callback), self._clock.now()
        desired = read_desired_time(desired_time, options, now)
        changes = _times(options, desired or now)
        if paused:
            return "T13", changes
        return ("T11" if is_scheduled(desired, options, now) else "T12"), changes

    def _options(self, callback: Callback) -> ServiceOptions:
        if callback.service not in self._config.services:
            raise InvalidState(f"service {callback.service} is not configured any more")
        return self._config.options_for(callback)


def _times(options: ServiceOptions, desired: datetime) -> dict[str, Any]:
    """Everything that counts from the desired time."""
    return {
        "desired_time": desired,
        "expires_at": expiry_of(options, desired),
        "deadline_at": deadline_of(options, desired),
    }
