"""Limits on creates: requests per value and day, creates per service and window, open callbacks, in-queue check."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from dialer.booking.open_count import OpenCount
from dialer.booking.refused import AlreadyQueued, QueueFull, Throttled
from dialer.booking.request import NUMBER, CreateRequest, Sorted
from dialer.booking.throttle import Windows
from dialer.callback.options import ServiceOptions
from dialer.callback.record import IMMEDIATE
from dialer.store import CallbackFilter, Store

DAY_S: Final = 86400.0
MILLISECOND: Final = timedelta(milliseconds=1)  # what the store keeps times to
QUEUE_FULL_RETRY_S: Final = 60


class Limits:
    """Checks 5 and 6 of api.md §2.1.

    Requests by customer number are counted in the store, so a restart forgets none. Other values and the windows of
    a service are counted in memory; the windows are filled from the store when a service is first used.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._windows = Windows()
        self._primed: set[tuple[str, float]] = set()
        self._open = OpenCount(store)

    async def check(self, request: CreateRequest, parts: Sorted, number: str, scheduled: bool, now: datetime) -> None:
        """Lets a create pass.

        Raises Throttled, QueueFull: with the time after which it may be tried again.
        Raises AlreadyQueued: when the number has open callbacks in the service already.
        """
        options = parts.options
        if request.throttled:
            if not scheduled:
                await self._check_values(request, parts, number, now)
            await self._check_service(request.service, options, now)
            await self._check_open(request.service, options, now)
        await self._check_in_queue(request.service, options, number)

    def admit(self, request: CreateRequest, parts: Sorted, scheduled: bool, now: datetime) -> None:
        """Counts a create that is about to be carried out; does not wait, so that of two for the last place one passes.

        Raises Throttled, QueueFull: when others have passed since `check`.
        """
        if not request.throttled:
            return
        if not scheduled:
            self._check_windows_of_values(request, parts, now)
        self._check_windows_of_service(request.service, parts.options, now)
        self._check_open_count(request.service, parts.options)
        for limit, window_s in _service_windows(parts.options):
            self._windows.admit(request.service, limit, window_s, now)
        if not scheduled:
            for key, value in _throttled_values(request, parts):
                self._windows.admit((request.service, key, value), parts.options.throttle_limit, DAY_S, now)
        self._open.admit(request.service)

    def settle(
        self, request: CreateRequest, parts: Sorted, scheduled: bool, admitted_at: datetime, *, stored: bool
    ) -> None:
        """The store has answered a create admitted at `admitted_at`; one that was not stored is taken back."""
        if not request.throttled:
            return
        self._open.settle(request.service, stored=stored)
        if not stored:
            self._withdraw(request, parts, scheduled, admitted_at)

    def _withdraw(self, request: CreateRequest, parts: Sorted, scheduled: bool, at: datetime) -> None:
        for _, window_s in _service_windows(parts.options):
            self._windows.withdraw(request.service, window_s, at)
        if not scheduled:
            for key, value in _throttled_values(request, parts):
                self._windows.withdraw((request.service, key, value), DAY_S, at)

    async def _check_values(self, request: CreateRequest, parts: Sorted, number: str, now: datetime) -> None:
        limit = parts.options.throttle_limit
        if limit and NUMBER in parts.options.throttle_keys and number:
            await self._check_number(request.service, number, limit, now)
        self._check_windows_of_values(request, parts, now)

    def _check_windows_of_values(self, request: CreateRequest, parts: Sorted, now: datetime) -> None:
        limit = parts.options.throttle_limit
        for key, value in _throttled_values(request, parts):
            wait_s = self._windows.wait_s((request.service, key, value), limit, DAY_S, now)
            if wait_s:
                raise Throttled(f"more than {limit} requests with the same {key} in 24 h", retry_after_s=wait_s)

    async def _check_number(self, service: str, number: str, limit: int, now: datetime) -> None:
        wanted = CallbackFilter(
            services=frozenset({service}),
            numbers=frozenset({number}),
            types=frozenset({IMMEDIATE}),
            created_from=now - timedelta(seconds=DAY_S) + MILLISECOND,  # the bound itself is 24 h ago: free again
            order="created_at",
            limit=limit,
        )
        made = await self._store.find(wanted)
        if len(made) >= limit:
            free_at = made[-1].created_at + timedelta(seconds=DAY_S)
            raise Throttled(
                f"more than {limit} requests for this number in 24 h", retry_after_s=_seconds(free_at - now)
            )

    async def _check_service(self, service: str, options: ServiceOptions, now: datetime) -> None:
        for limit, window_s in _service_windows(options):
            if limit:
                await self._prime(service, limit, window_s, now)
        self._check_windows_of_service(service, options, now)

    def _check_windows_of_service(self, service: str, options: ServiceOptions, now: datetime) -> None:
        for limit, window_s in _service_windows(options):
            wait_s = self._windows.wait_s(service, limit, window_s, now)
            if wait_s:
                raise Throttled(f"more than {limit} callbacks in {window_s:.0f} s for {service}", retry_after_s=wait_s)

    async def _prime(self, service: str, limit: int, window_s: float, now: datetime) -> None:
        """Fills a window with what the store knows of the time before this process."""
        if (service, window_s) in self._primed:
            return
        self._primed.add((service, window_s))
        since = now - timedelta(seconds=window_s) + MILLISECOND
        wanted = CallbackFilter(
            services=frozenset({service}), created_from=since, created_until=now, order="created_at", limit=limit
        )
        for callback in reversed(await self._store.find(wanted)):
            self._windows.admit(service, limit, window_s, callback.created_at)

    async def _check_open(self, service: str, options: ServiceOptions, now: datetime) -> None:
        if options.max_open:
            await self._open.refresh(service, now)
            self._check_open_count(service, options)

    def _check_open_count(self, service: str, options: ServiceOptions) -> None:
        count = self._open.now_open(service)
        if options.max_open and count >= options.max_open:
            what = f"{service} has {count} open callbacks, at most {options.max_open} are accepted"
            raise QueueFull(what, retry_after_s=QUEUE_FULL_RETRY_S)

    async def _check_in_queue(self, service: str, options: ServiceOptions, number: str) -> None:
        """`true` refuses the third open callback of a number, `strict` the second (options.md §2.5)."""
        allowed = {"true": 2, "strict": 1}.get(str(options.in_queue_check).lower())
        if allowed is None or not number:
            return
        wanted = CallbackFilter(services=frozenset({service}), numbers=frozenset({number}), open_only=True)
        waiting = await self._store.count(wanted)
        if waiting >= allowed:
            raise AlreadyQueued(f"this number has {waiting} open callback(s) in {service} already")


def _service_windows(options: ServiceOptions) -> tuple[tuple[int, float], tuple[int, float]]:
    return (
        (options.service_limit_1, float(options.service_window_1)),
        (options.service_limit_2, float(options.service_window_2)),
    )


def _throttled_values(request: CreateRequest, parts: Sorted) -> list[tuple[str, str]]:
    """Throttle keys other than the number with their values; a header wins over a parameter."""
    found = []
    for key in parts.options.throttle_keys:
        header = request.headers.get(key.lower()) if parts.options.throttle_headers else None
        value = header if header is not None else request.parameters.get(key)
        if key != NUMBER and value not in {None, ""} and not isinstance(value, dict | list):
            found.append((key, str(value)))
    return found


def _seconds(duration: timedelta) -> int:
    return max(1, math.ceil(duration.total_seconds()))
