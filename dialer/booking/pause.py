"""Pausing and resuming services: nothing of a paused service is dialled, and its callbacks keep their places.

What an operator says is kept in the store, and every callback that waits is moved there one by one (T20), so no node
can dial it from that moment on, whatever it still holds in memory. Whatever comes into the queue of a paused service
later (a booking on another node, a retry) is moved by the next sweep; so is what a crash left half done.

Source: transitions T03, T20 to T23 of records.md §3; api.md §5.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import structlog

from dialer.booking.refused import UnknownService
from dialer.booking.step import take_step
from dialer.callback.options import ServiceOptions
from dialer.callback.pause import PauseSwitch
from dialer.callback.record import Callback
from dialer.callback.state import Actor, Phase, Position, State
from dialer.clock import Clock
from dialer.config import DialerConfig
from dialer.events import Bus
from dialer.store import CallbackFilter, Store

log = structlog.get_logger(__name__)

BATCH: Final = 500
PAUSABLE: Final = frozenset({Phase.WAITING, Phase.CONFIRM_WAIT, Phase.RETRY_WAIT, Phase.SNOOZED})  # T20
PAUSED_FROM: Final = (
    CallbackFilter(states=frozenset({State.SCHEDULED})),
    CallbackFilter(states=frozenset({State.QUEUED}), phases=PAUSABLE),
)
RESUMED_FROM: Final = (CallbackFilter(states=frozenset({State.PAUSED})),)
WAITING: Final[Position] = (State.QUEUED, Phase.WAITING)
RETRY_WAIT: Final[Position] = (State.QUEUED, Phase.RETRY_WAIT)
Move = Callable[[Callback], Awaitable[bool]]


@dataclass(slots=True)
class PauseBook:
    """What operators said last, in memory; `take` what the store has."""

    _switches: dict[str, PauseSwitch] = field(default_factory=dict)

    def paused(self, service: str, options: ServiceOptions) -> bool:
        """Whether a service is paused: what an operator said, else its configuration."""
        switch = self._switches.get(service)
        return options.paused if switch is None else switch.paused

    def take(self, switches: Iterable[PauseSwitch]) -> list[PauseSwitch]:
        """Takes over what is newer than what is known here; gives that."""
        news = [switch for switch in switches if self._is_news(switch)]
        self._switches.update({switch.service: switch for switch in news})
        return news

    def _is_news(self, switch: PauseSwitch) -> bool:
        known = self._switches.get(switch.service)
        return known is None or known.at < switch.at


class Pausing:
    """Pauses and resumes services."""

    def __init__(self, store: Store, config: DialerConfig, bus: Bus, clock: Clock, book: PauseBook) -> None:
        self._store = store
        self._config = config
        self._bus = bus
        self._clock = clock
        self._book = book

    async def pause(self, service: str, *, abort_dials: bool = False, user: str | None = None) -> int:
        """Nothing of the service is dialled from now on; gives how many callbacks were moved to PAUSED.

        Args:
            service: its name.
            abort_dials: dials that ring are broken off too; else they are finished first (T21).
            user: who says so.

        Raises UnknownService: when there is none.
        """
        return await self._switch(service, paused=True, abort_dials=abort_dials, user=user)

    async def resume(self, service: str, *, user: str | None = None) -> int:
        """Callbacks of the service go back to where they were; gives how many.

        Raises UnknownService: when there is none.
        """
        return await self._switch(service, paused=False, abort_dials=False, user=user)

    async def sweep(self) -> int:
        """Moves what does not stand where its service's pause or the end of it wants it; gives how many."""
        paused = {name for name, options in self._config.services.items() if self._book.paused(name, options)}
        moved = await self._move_all(paused, PAUSED_FROM, self._pause_one) if paused else 0
        active = set(self._config.services) - paused
        return moved + (await self._move_all(active, RESUMED_FROM, self._resume_one) if active else 0)

    async def _switch(self, service: str, *, paused: bool, abort_dials: bool, user: str | None) -> int:
        if service not in self._config.services:
            raise UnknownService(f"there is no service {service!r}")
        switch = PauseSwitch(service=service, paused=paused, abort_dials=abort_dials, at=self._clock.now(), user=user)
        await self._store.switch_pause(switch)
        self._book.take([switch])
        log.info("service_paused" if paused else "service_resumed", service=service, user=user)
        if paused:
            return await self._move_all({service}, PAUSED_FROM, self._pause_one)
        return await self._move_all({service}, RESUMED_FROM, self._resume_one)

    async def _move_all(self, services: set[str], places: Iterable[CallbackFilter], move: Move) -> int:
        """Moves all callbacks of these services that stand in one of these places; one that is just changing stays."""
        moved = 0
        for place in places:
            tried: set[str] = set()
            while True:
                wanted = replace(place, services=frozenset(services), limit=BATCH + len(tried))
                fresh = [callback for callback in await self._store.find(wanted) if callback.id not in tried]
                if not fresh:
                    break
                tried.update(callback.id for callback in fresh)
                moved += sum(await asyncio.gather(*(move(callback) for callback in fresh)))
        return moved

    async def _pause_one(self, callback: Callback) -> bool:
        return await self._change(callback, "T20", None, "service is paused")

    async def _resume_one(self, callback: Callback) -> bool:
        now = self._clock.now()
        lead = timedelta(seconds=self._config.services[callback.service].submit_lead)
        if callback.desired_time - lead > now:
            return await self._change(callback, "T22", None, "service is resumed")
        ahead = callback.next_dial_at is not None and callback.next_dial_at > now
        return await self._change(callback, "T23", RETRY_WAIT if ahead else WAITING, "service is resumed")

    async def _change(self, callback: Callback, event: str, to: Position | None, note: str) -> bool:
        now = self._clock.now()
        return await take_step(self._store, self._bus, callback, event, actor=Actor.ADMIN, now=now, to=to, note=note)
