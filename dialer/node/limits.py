"""The time limits of callbacks, looked at once a second: due bookings, waits that were too long, retention.

Source: records.md §3 (T10, T83, T84, T85, T89) and §11. Several nodes may look at the same callback: the store lets one
change it, the others find it changed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from dialer.booking import take_step
from dialer.booking.name_recording import remove_names
from dialer.callback.options import ServiceOptions
from dialer.callback.reason import Reason, unreached
from dialer.callback.record import Callback
from dialer.callback.state import PHASES, Actor, Phase, State
from dialer.node.line import Line
from dialer.node.release import Release
from dialer.scenario import House
from dialer.store import CallbackFilter

log = structlog.get_logger(__name__)

RETENTION_EVERY = timedelta(minutes=1)
NAMES_EVERY = timedelta(hours=1)
KEPT_AFTER_TTL = timedelta(hours=1)  # a record that was open at its end can still be read (records.md §11)
BATCH = 200
AWAITED_LIMIT = 10_000  # all of them: who came first need not be who expires first
UNSERVED = frozenset({Phase.WAITING, Phase.RETRY_WAIT})
PURGED_FROM = (
    CallbackFilter(states=frozenset({State.SCHEDULED})),
    CallbackFilter(states=frozenset({State.PAUSED})),
    CallbackFilter(phases=frozenset(PHASES[State.QUEUED]) - {Phase.DIALING}),
)
"""Where nobody is on a call; asked for apart, so that a batch that may not be purged yet hides none that may."""


class TimeLimits:
    """Applies the time limits of all callbacks that this node may touch."""

    def __init__(self, house: House, line: Line, release: Release) -> None:
        self._house = house
        self._line = line
        self._release = release
        self._retention_at: datetime | None = None
        self._names_at: datetime | None = None

    async def check(self) -> bool:
        """Applies what is due now; True when something new may be claimed."""
        now = self._house.clock.now()
        self._house.router.advance(now)
        self._house.waits.look(now)
        await self._end_long_waits(now)
        await self._purge(now)
        await self._end_call_in_waits(now)
        await self._end_long_storage(now)
        if self._retention_at is None or now - self._retention_at >= RETENTION_EVERY:
            self._retention_at = now
            await self._house.store.remove_expired(now=now)
            await self._house.store.remove_old_call_ins(now=now)
        if self._names_at is None or now - self._names_at >= NAMES_EVERY:
            self._names_at = now
            await self._remove_names()
        return await self._submit_due(now)

    async def _submit_due(self, now: datetime) -> bool:
        """Bookings whose time has come enter the queue (T10)."""
        submitted = False
        for lead_s, services in self._services_by(lambda options: self._house.waits.lead_s(options, now)):
            until = now + timedelta(seconds=lead_s, milliseconds=1)  # the bound is not included
            wanted = CallbackFilter(
                services=services, states=frozenset({State.SCHEDULED}), desired_until=until, limit=BATCH
            )
            for callback in await self._house.store.find(wanted):
                submitted |= await self._change(callback, "T10", now)
        return submitted

    def _services_by(self, seconds: Callable[[ServiceOptions], float]) -> list[tuple[float, frozenset[str]]]:
        """Time limits, each with the services that have it.

        Each is asked for alone: a batch of callbacks that are not due yet hides none that are.
        """
        groups: dict[float, set[str]] = defaultdict(set)
        for name, options in self._house.config.services.items():
            groups[seconds(options)].add(name)
        return [(limit, frozenset(names)) for limit, names in groups.items()]

    async def _end_long_waits(self, now: datetime) -> None:
        """Who has waited too long for an agent is not called any more (T85)."""
        config = self._house.config
        for callback in list(self._line):
            limit = config.options_for(callback).queued_ttl
            if (now - (callback.queued_at or callback.created_at)).total_seconds() >= limit:
                await self._end_long_wait(callback, now)
        for ttl_s, services in self._services_by(lambda options: options.queued_ttl):
            wanted = CallbackFilter(
                services=services, phases=UNSERVED, queued_until=now - timedelta(seconds=ttl_s), limit=BATCH
            )
            for callback in await self._house.store.find(wanted):
                if config.options_for(callback).queued_ttl <= ttl_s:
                    await self._end_long_wait(callback, now)

    async def _end_long_wait(self, callback: Callback, now: datetime) -> None:
        self._line.remove(callback.id)
        await self._change(
            callback,
            "T85",
            now,
            reason=Reason.FAIL_TARGET_NOT_FOUND,
            reason_detail="queued_ttl",
            call_result=self._release.result_after_ttl(callback),
        )

    async def _purge(self, now: datetime) -> None:
        """Who was not called by the callback's deadline is not called any more (T83); calls that run are finished."""
        for place in PURGED_FROM:
            for callback in await self._house.store.find(replace(place, deadline_until=now, limit=BATCH)):
                if callback.state is not State.SCHEDULED or self._is_overdue(callback, now):
                    self._line.remove(callback.id)
                    await self._change(callback, "T83", now, reason=Reason.FAIL_TIMEOUT_TTL, reason_detail="purge_time")

    def _is_overdue(self, callback: Callback, now: datetime) -> bool:
        """Whether a booked time's interval is over (`desired_interval`)."""
        options = self._house.config.services.get(callback.service)
        interval_s = 0.0 if options is None else options.desired_interval
        return callback.desired_time + timedelta(seconds=interval_s) <= now

    async def _remove_names(self) -> None:
        """Recordings of names go with their callbacks."""
        folder = self._house.config.media.recordings_dir
        if not folder.is_dir():
            return  # nothing was ever recorded
        kept = await self._house.store.name_recordings()
        try:
            removed = await asyncio.to_thread(remove_names, folder, kept)
        except OSError as fault:
            log.warning("names_not_removed", folder=str(folder), cause=fault.strerror, mend="check who may write there")
            return
        if removed:
            log.info("names_removed", count=removed)

    async def _end_call_in_waits(self, now: datetime) -> None:
        """Who did not call within the time is not waited for any more (v1 T54, v3 T53); their numbers are free."""
        house = self._house
        awaited = CallbackFilter(phases=frozenset({Phase.CALL_IN_WAIT}), limit=AWAITED_LIMIT, order="queue")
        for callback in await house.store.find(awaited):
            expires = callback.access.get("expires_at")
            if expires is not None and datetime.fromisoformat(expires) > now:
                continue
            if callback.family == "v3":
                await self._change(callback, "T53", now)
            else:
                reason = unreached(legacy_names=house.config.compat.legacy_reason_names)
                await self._change(callback, "T54", now, reason=reason, reason_detail="booking_expired")
        await house.store.sweep_call_ins(now=now)

    async def _end_long_storage(self, now: datetime) -> None:
        """Records that are still open when they are kept no longer (T84): v1 by its ttl, v3 by its fourteen days."""
        for callback in await self._house.store.find(CallbackFilter(open_only=True, expired_until=now, limit=BATCH)):
            if callback.state in {State.SCHEDULED, State.QUEUED, State.PAUSED}:
                self._line.remove(callback.id)
                await self._change(
                    callback,
                    "T84",
                    now,
                    reason=Reason.FAIL_TIMEOUT_TTL,
                    reason_detail="ttl",
                    expires_at=now + KEPT_AFTER_TTL,
                )

    async def _change(self, callback: Callback, event: str, now: datetime, **changes: object) -> bool:
        house = self._house
        return await take_step(house.store, house.bus, callback, event, actor=Actor.ENGINE, now=now, changes=changes)
