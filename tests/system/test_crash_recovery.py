"""`kill -9` at random instants of a running batch: nobody is forgotten, nobody is dialled twice at a time."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration

from dialer.callback.call_result import CallResult
from dialer.callback.state import State
from dialer.lab import LabProcess
from dialer.store import CallbackFilter, Store

KILLS = 50
OPEN_AT_ONCE = 24
PEOPLE = ("00", "01", "03", "06", "20", "22", "23", "31", "41", "50", "52", "53", "55", "57", "58")

pytestmark = [pytest.mark.system, pytest.mark.slow]


async def book(dialer: RunningDialer, number: str) -> str | None:
    """The id of a new callback once the API has confirmed it; None when the process died before it could."""
    try:
        answer = await dialer.book(number)
    except httpx.TransportError:
        return None
    assert answer.status_code == 200, answer.text
    return str(answer.json()["_id"])


@pytest.fixture
async def lab() -> AsyncIterator[LabProcess]:
    async with LabProcess() as process:
        yield process


@pytest.mark.timeout(600)
async def test_fifty_kills_lose_no_callback_and_leave_no_two_live_attempts(lab: LabProcess, tmp_path: Path) -> None:
    chance = random.Random(20261120)
    dialer = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}"))
    confirmed: set[str] = set()
    stale = 0
    for _ in range(KILLS):
        await dialer.start()
        store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'dialer.db'}")
        still_open = await store.count(CallbackFilter(states=frozenset(State) - {State.COMPLETED}))
        booking = [
            asyncio.create_task(book(dialer, f"+120255501{chance.choice(PEOPLE)}"))
            for _ in range(OPEN_AT_ONCE - still_open)
        ]
        await asyncio.sleep(chance.uniform(0.05, 1.5))
        await dialer.end(signal.SIGKILL)
        confirmed |= {made for made in await asyncio.gather(*booking) if made}
        await check_truth(store, confirmed)
        await store.close()
    await dialer.start()
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'dialer.db'}")
    async with asyncio.timeout(240):
        while await store.count(CallbackFilter(states=frozenset(State) - {State.COMPLETED})):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.25)
    await dialer.end(signal.SIGTERM)
    for callback_id in confirmed:
        callback = await store.get(callback_id)
        assert callback is not None
        assert callback.reason is not None
        assert callback.reason != "FAIL_ERROR", json.dumps([e.text for e in await store.journal(callback_id)])
        attempts = await store.attempts(callback_id)
        assert all(attempt.ended_at for attempt in attempts)
        stale += sum(attempt.call_result is CallResult.STALE for attempt in attempts)
    await store.close()
    print(f"\n{len(confirmed)} callbacks confirmed, {KILLS} kills, {stale} attempts closed as 46 and carried on")
    assert stale > 0, "the kills never hit a running attempt: the test proves nothing"


async def check_truth(store: Store, confirmed: set[str]) -> None:
    """What must hold in the store at every instant a process may die."""
    seen_numbers: list[str] = []
    for callback_id in confirmed:
        callback = await store.get(callback_id)
        assert callback is not None, f"{callback_id} was confirmed and is gone"
        live = [attempt for attempt in await store.attempts(callback_id) if attempt.open]
        assert len(live) <= 1
        seen_numbers += [attempt.number for attempt in live]
    assert len(seen_numbers) == len(set(seen_numbers)), "two live attempts to one number"
