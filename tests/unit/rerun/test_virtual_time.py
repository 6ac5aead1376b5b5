"""The made-up clock."""

from __future__ import annotations

import asyncio
import time

import pytest

from dialer.rerun import StandStill, VirtualClock, run_virtually


def test_an_hour_passes_in_a_moment():
    async def main(loop):
        clock = VirtualClock(loop)
        await asyncio.sleep(3600)
        return clock.monotonic(), (clock.now() - clock.start).total_seconds()

    began = time.monotonic()
    assert run_virtually(main) == (pytest.approx(3600), pytest.approx(3600))
    assert time.monotonic() - began < 1


def test_what_is_due_first_happens_first():
    async def main(_loop):
        seen = []

        async def after(seconds):
            await asyncio.sleep(seconds)
            seen.append(seconds)

        await asyncio.gather(*(after(seconds) for seconds in (3, 0.5, 100, 2)))
        return seen

    assert run_virtually(main) == [0.5, 2, 3, 100]


def test_a_timeout_comes_at_its_time():
    async def main(loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return loop.time()

    assert run_virtually(main) == pytest.approx(30)


def test_who_waits_for_what_cannot_come_is_told_so():
    async def main(_loop):
        await asyncio.Event().wait()

    with pytest.raises(StandStill):
        run_virtually(main)
