"""Waiting for something as long as a leg is up: the rule that leaves no waiter behind when a side goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from dialer.telephony import Leg, LegEnd

Found = TypeVar("Found")


class LegGone(Exception):  # noqa: N818 - says what happened, nothing is wrong
    """The leg ended before what was waited for came."""

    def __init__(self, end: LegEnd) -> None:
        super().__init__(end.cause)
        self.end = end


async def while_up(leg: Leg, waiting: Coroutine[Any, Any, Found]) -> Found:
    """Awaits something while a leg is up; what came at the same moment as the leg's end still counts.

    Raises:
        LegGone: when the leg ended first; the waiting is cancelled and has ended.
    """
    task = asyncio.create_task(waiting)
    try:
        both: set[asyncio.Future[Any]] = {task, leg.ended}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise LegGone(leg.ended.result())
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def first_to_end(one: Leg, other: Leg) -> Leg:
    """Waits until one of two legs has ended and returns that one."""
    await asyncio.wait({one.ended, other.ended}, return_when=asyncio.FIRST_COMPLETED)
    return one if one.ended.done() else other
