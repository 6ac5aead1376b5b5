"""One inbox for a leg's events and for what is heard on it, in the order in which they happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialer.detection import Finding
from dialer.scenario.hearing import Hearing
from dialer.telephony import Answered, Ended, Leg, LegEnd, LegEvent

Signal = LegEvent | Finding


class Signals:
    """Merges a leg's events with a hearing's findings.

    Args:
        leg: its events are read from now on by this inbox alone.
        observe: called with every leg event when it arrives, before anybody waits for it.
    """

    def __init__(self, leg: Leg, observe: Callable[[LegEvent], None]) -> None:
        self._leg = leg
        self._observe = observe
        self._inbox: asyncio.Queue[Signal] = asyncio.Queue()
        self._task = asyncio.create_task(self._pump(), name=f"signals-{leg.id}")

    @property
    def end(self) -> LegEnd | None:
        """How the leg ended, if it has, also when that has not been read yet."""
        return self._leg.end

    def attach(self, hearing: Hearing, observe: Callable[[Finding], None]) -> None:
        """Adds what is heard to the inbox; `observe` is called with each finding before anybody waits for it."""

        def found(finding: Finding) -> None:
            observe(finding)
            self._inbox.put_nowait(finding)

        hearing.on_finding = found

    async def next(self, timeout_s: float | None) -> Signal | None:
        """The next signal; None when none came within the time (seconds, None = wait for ever)."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def answer_or_end(self) -> Answered | Ended:
        """Waits until the leg was answered, or has ended; an answer whose leg is gone again is no answer."""
        while True:
            match await self.next(None):
                case Answered() as answered if self.end is None:
                    return answered
                case Ended() as ended:
                    return ended
                case _:
                    pass

    async def close(self) -> None:
        """Stops reading the leg's events."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _pump(self) -> None:
        async for event in self._leg.events():
            self._observe(event)
            self._inbox.put_nowait(event)
            if isinstance(event, Ended):
                return
