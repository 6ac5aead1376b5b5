"""Tells customers' devices and subscribers what becomes of callbacks; no call ever waits for it.

Pushes (api.md §4): an attempt failed, the last one failed, purged, and once: soon it is your turn. State events
(options.md §2.8): `_cbe_on_callback_<state>` with the record of the first generation, and a reminder before its time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from dialer.booking import v1_record
from dialer.callback.options import ServiceOptions
from dialer.callback.push import PushEvent, PushRecord, PushTarget
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.clock import stamp
from dialer.events import CallbackChanged, Event
from dialer.node.line import Line
from dialer.push import Announcement, Herald
from dialer.scenario import House
from dialer.store import CallbackFilter, StoreError

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
REMEMBERED: Final = 10_000  # callbacks of which the last state told is known
BATCH: Final = 200
STATUS_EVENT: Final = "_cbe_on_callback_"
REMINDER: Final = "_cbe_on_callback_reminder"
PUSHES: Final[Mapping[str, PushEvent]] = {
    "T32": PushEvent.ATTEMPT_FAILED,
    "T21": PushEvent.ATTEMPT_FAILED,
    "T45": PushEvent.ATTEMPT_FAILED,
    "T34": PushEvent.FINAL_ATTEMPT_FAILED,
    "T46": PushEvent.FINAL_ATTEMPT_FAILED,
    "T83": PushEvent.PURGED,
}
"""Transition and what the customer's device is told of it."""


@dataclass(slots=True)
class Notices:
    """Hears the bus, and looks once a second at what time alone makes due.

    Attributes:
        house: the parts.
        line: who waits on this node.
        herald: posts state events.
    """

    house: House
    line: Line
    herald: Herald
    _told: OrderedDict[str, tuple[int, State]] = field(default_factory=OrderedDict)
    _far: dict[str, bool] = field(default_factory=dict)  # whether the wait was long when first seen, and is yet untold
    _seen: set[str] = field(default_factory=set)

    def hear(self, event: Event) -> None:
        """One event of the bus."""
        if not isinstance(event, CallbackChanged):
            return
        options = self._options(event.callback)
        if options is None:
            return
        told_version, told_state = self._told.get(event.callback.id, (0, None))
        if event.callback.version <= told_version:
            return
        self._remember(event.callback)
        if options.status_notification != "false" and event.callback.state is not told_state:
            self._announce(event.callback, options, f"{STATUS_EVENT}{event.callback.state.lower()}")
        push = PUSHES.get(event.event)
        if push is PushEvent.PURGED or (push is not None and options.call_direction == "USERTERMINATED"):
            self.house.pushes.tell(event.callback, options, push, _data(push, event.callback))

    async def look(self) -> None:
        """Reminders that are due, and customers whose turn comes near."""
        now = self.house.clock.now()
        for name, options in self.house.config.services.items():
            if options.reminder and options.status_notification_target:
                await self._remind(name, options, now)
        if any(options.push_threshold_min for options in self.house.config.services.values()):
            self._tell_upcoming(now)

    # --- state events ---

    def _announce(self, callback: Callback, options: ServiceOptions, event: str) -> None:
        if options.status_notification_type not in {"", "httpcb"} or not options.status_notification_target:
            return
        content = {"_event": event, **v1_record(self.house.config, callback)}
        self.herald.tell(
            callback.id, Announcement(options.status_notification_target, content, tries=options.push_attempts)
        )

    async def _remind(self, service: str, options: ServiceOptions, now: datetime) -> None:
        """Each booking is reminded of once, whichever node looks first, and never after its time."""
        due = CallbackFilter(
            services=frozenset({service}), states=frozenset({State.SCHEDULED}), desired_from=now,
            desired_until=now + timedelta(seconds=options.reminder_lead), limit=BATCH,
        )  # fmt: skip
        for callback in await self.house.store.find(due):
            record = PushRecord(
                id=f"reminder-{callback.id}-{stamp(callback.desired_time)}", callback_id=callback.id, event=REMINDER,
                created_at=now,
            )  # fmt: skip
            if record.id in self._seen or not await self.house.store.begin_push(record):
                self._seen.add(record.id)
                continue
            self._announce(callback, self.house.config.options_for(callback), REMINDER)

    # --- pushes ---

    def _tell_upcoming(self, now: datetime) -> None:
        """Once, when the estimated wait falls below the threshold; not to whom it was short from the start."""
        waiting = {callback.id for callback in self.line}
        self._far = {callback_id: far for callback_id, far in self._far.items() if callback_id in waiting}
        for callback in self.line:
            options = self._options(callback)
            if options is None or not options.push_threshold_min or callback.phase is not Phase.WAITING:
                continue
            estimate = self.house.waits.of_callback(callback, now)
            if estimate is None or estimate.seconds is None or not PushTarget.of(callback):
                continue
            far = estimate.seconds >= options.push_threshold_min * 60
            if self._far.setdefault(callback.id, far) and not far:
                self._far[callback.id] = False
                if callback.deadline_at is None or callback.deadline_at > now + timedelta(seconds=estimate.seconds):
                    told = {"ewt": f"{estimate.seconds:.0f}"}
                    self.house.pushes.tell(callback, options, PushEvent.UPCOMING, told)

    def _options(self, callback: Callback) -> ServiceOptions | None:
        """Its service's; None when the service is gone, or the record asks for what there is not (T07, T87)."""
        try:
            return self.house.config.options_for(callback)
        except (KeyError, ValueError):
            return None

    def _remember(self, callback: Callback) -> None:
        self._told[callback.id] = (callback.version, callback.state)
        self._told.move_to_end(callback.id)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)


def _data(push: PushEvent, callback: Callback) -> dict[str, str]:
    if push is PushEvent.PURGED:
        return {}
    planned = stamp(callback.next_dial_at)
    return {"attempt": str(callback.dials)} | ({"nextDialAt": planned} if planned is not None else {})


@asynccontextmanager
async def telling(house: House, line: Line, herald: Herald) -> AsyncIterator[Notices]:
    """Tells from now on until the end of the block."""
    notices = Notices(house, line, herald)
    unsubscribe = house.bus.subscribe(notices.hear)
    task = asyncio.create_task(_look_again_and_again(notices), name="notices")
    try:
        yield notices
    finally:
        unsubscribe()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await herald.close()


async def _look_again_and_again(notices: Notices) -> None:
    while True:
        try:
            await notices.look()
        except StoreError as fault:
            log.warning("notices_wait_for_the_store", cause=str(fault))
        except Exception:
            log.exception("notices_failed")
        await asyncio.sleep(LOOK_EVERY_S)
