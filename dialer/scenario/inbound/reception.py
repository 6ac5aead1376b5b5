"""Takes every call that comes in and gives it to whom it is for: an application, an access number, or nobody (404).

No call that is taken here is left over: whatever happens, its leg has ended when `close` returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from dialer.booking import Booking
from dialer.callback.call_in import bare
from dialer.scenario.attempt import CallAttempt
from dialer.scenario.house import House
from dialer.scenario.inbound.access_number import AccessNumber
from dialer.scenario.inbound.application_call import ApplicationCall
from dialer.scenario.inbound.caller_line import CallerLine
from dialer.scenario.race import LegGone
from dialer.store import StoreError
from dialer.telephony import IncomingLeg

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 30
UNALLOCATED = 1  # Q.850

Adopt = Callable[[CallAttempt], asyncio.Task[None]]
"""Has a node run a scenario as its own; gives the task that runs it."""


class Reception:
    """One node's incoming calls.

    Args:
        house: the parts it works with.
        booking: books what callers ask for.
        adopt: runs the scenario of a callback whose customer has called.
    """

    def __init__(self, house: House, booking: Booking, adopt: Adopt) -> None:
        self._house = house
        self._booking = booking
        self._adopt = adopt
        self._closing = False
        self._calls: set[asyncio.Task[None]] = set()
        config = house.config
        self._applications = {
            bare(number): name
            for name, application in config.applications.items()
            if application.published
            for number in application.numbers
        }
        self._groups = {bare(number): name for name, group in config.call_in_groups.items() for number in group.dnis}

    @property
    def calls(self) -> int:
        """Incoming calls that are being served."""
        return len(self._calls)

    def open(self) -> None:
        """From now on calls are taken."""
        self._house.user_agent.on_incoming = self._take

    async def close(self, deadline_s: float) -> None:
        """Takes no more calls; those that are up finish, or are ended when the deadline comes."""
        self._closing = True
        if self._calls:
            await asyncio.wait(self._calls, timeout=deadline_s)
        self._house.user_agent.on_incoming = None
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _take(self, leg: IncomingLeg) -> None:
        """Serves one call from its first to its last moment."""
        if self._closing or self._house.user_agent.channels.free < 1:  # one is needed for the agent
            await leg.reject(503, headers={"Retry-After": str(RETRY_AFTER_S)})
            return
        serve = self._host_of(leg)
        if serve is None:
            log.info("call_to_unknown_number", called=leg.called_number, source=leg.source)
            await leg.reject(404, q850=UNALLOCATED)
            return
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        line = CallerLine(self._house, leg)
        try:
            await serve(line)
        except LegGone:
            log.debug("caller_hung_up", called=leg.called_number)
        except StoreError as fault:
            log.warning("call_lost_to_the_store", called=leg.called_number, cause=str(fault))
        finally:
            self._calls.discard(task)
            await line.hang_up()

    def _host_of(self, leg: IncomingLeg) -> Callable[[CallerLine], Coroutine[Any, Any, None]] | None:
        """Who serves calls to this number; None when nobody does."""
        called = bare(leg.called_number) or ""
        if called in self._applications:
            application = self._applications[called]
            return ApplicationCall(self._house, self._booking, self._adopt, application).serve
        if called in self._groups:
            return AccessNumber(self._house, self._groups[called], self._adopt).serve
        return None
