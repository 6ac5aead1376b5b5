"""`kill -9` at random instants of a running batch: nobody is forgotten, nobody is dialled twice at a time."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from dialer.callback.call_result import CallResult
from dialer.callback.state import State
from dialer.lab import AGENTS, LabProcess
from dialer.store import CallbackFilter, Store

KILLS = 50
OPEN_AT_ONCE = 24
PEOPLE = ("00", "01", "03", "06", "20", "22", "23", "31", "41", "50", "52", "53", "55", "57", "58")

pytestmark = [pytest.mark.system, pytest.mark.slow]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(folder: Path, lab: LabProcess, api_port: int) -> Path:
    agents = "\n".join(
        f'[agent.{agent.id}]\naddress = "sip:{agent.extension}"\ngroups = ["{agent.group}"]\nstate = "READY"'
        for agent in AGENTS
    )
    path = folder / "dialer.toml"
    path.write_text(
        f"""
[server]
listen = "127.0.0.1:{api_port}"
ops_listen = "127.0.0.1:{free_port()}"
[db]
url = "sqlite+aiosqlite:///{folder / "crash.db"}"
[sip]
listen_host = "127.0.0.1"
udp_port = 0
[node]
stop_deadline_s = 3
[api.v1]
auth = "none"
[gateway.lab]
uri = "sip:{lab.host}:{lab.port}"
options_ping_s = 0
[route_point."8999@Lab"]
gateway = "lab"
caller_number = "8999"
[service.crash]
family = "v1"
route_point = "8999@Lab"
dial_prefix = "91"
target = "Desk@Lab.GA"
dial_attempts = 2
dial_retry_delay = 1
ring_timeout = 5
setup_timeout = 4
throttle_limit = 0
in_queue_check = false
{agents}
"""
    )
    return path


class Running:
    """`dialer run` as a process that may be killed."""

    def __init__(self, config: Path, api_port: int) -> None:
        self.config = config
        self.url = f"http://127.0.0.1:{api_port}/genesys/1/service/callback/crash"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self.config.parent / "dialer.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "dialer.cli.main", "run", "-c", str(self.config), stdout=log, stderr=log
            )
        async with asyncio.timeout(30), httpx.AsyncClient() as client:
            while True:
                assert self.process.returncode is None, (self.config.parent / "dialer.log").read_text()[-3000:]
                try:
                    await client.get(self.url)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        async with asyncio.timeout(30):
            await self.process.wait()


async def book(url: str, number: str) -> str | None:
    """The id of a new callback once the API has confirmed it; None when the process died before it could."""
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.post(url, data={"_customer_number": number})
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
    api_port = free_port()
    dialer = Running(configuration(tmp_path, lab, api_port), api_port)
    confirmed: set[str] = set()
    stale = 0
    for _ in range(KILLS):
        await dialer.start()
        store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'crash.db'}")
        still_open = await store.count(CallbackFilter(states=frozenset(State) - {State.COMPLETED}))
        booking = [
            asyncio.create_task(book(dialer.url, f"+120255501{chance.choice(PEOPLE)}"))
            for _ in range(OPEN_AT_ONCE - still_open)
        ]
        await asyncio.sleep(chance.uniform(0.05, 1.5))
        await dialer.end(signal.SIGKILL)
        confirmed |= {made for made in await asyncio.gather(*booking) if made}
        await check_truth(store, confirmed)
        await store.close()
    await dialer.start()
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'crash.db'}")
    async with asyncio.timeout(240):
        while await store.count(CallbackFilter(states=frozenset(State) - {State.COMPLETED})):
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
