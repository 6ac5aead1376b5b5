"""Routing options on real calls: a list target walked in time, ageing past a higher priority, a late release."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration

from dialer.lab import AGENTS, LabProcess

pytestmark = pytest.mark.system

ONLY = next(agent for agent in AGENTS if agent.group == "Desk")
LIST = json.dumps([{"target": "Nobody@Lab.GA", "timeout": 3}, {"target": f"{ONLY.id}@Lab.A"}])
RELEASE_DELAY_MS = 2500


def service(name: str, options: str, target: str = f"{ONLY.id}@Lab.A") -> str:
    """One more service, for the one agent."""
    return (
        f'[service.{name}]\nfamily = "v1"\nroute_point = "8999@Lab"\ntarget = \'{target}\'\n'
        f"throttle_limit = 0\nring_timeout = 5\n{options}\n"
    )


SERVICES = "\n".join(
    (
        service("walked", "queued_ttl = 60", LIST),
        service("urgent", "priority = 5"),
        service("aged", "priority_increment = 3\npriority_increment_interval = 1\npriority_limit = 50"),
        service("late", f"agent_release_delay_ms = {RELEASE_DELAY_MS}"),
    )
)


@pytest.fixture
async def dialer(tmp_path: Path) -> AsyncIterator[RunningDialer]:
    async with LabProcess() as lab:
        running = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}", extra=SERVICES))
        await running.start()
        yield running
        assert await running.end() == 0
    assert "Traceback" not in running.log.read_text()


async def book(dialer: RunningDialer, name: str, number: str = "00") -> str:
    """Books for a service; gives the id."""
    async with httpx.AsyncClient(timeout=30) as client:
        url = dialer.url.replace("/test", f"/{name}")
        answer = await client.post(url, data={"_customer_number": f"+120255501{number}"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["_id"])


async def completed(folder: Path, count: int) -> None:
    """Waits until so many are completed."""
    async with asyncio.timeout(60):
        while len(rows(folder, "select id from callback where state = 'COMPLETED'")) < count:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def set_agent(dialer: RunningDialer, state: str) -> None:
    """Asks the one agent to do something; tried again while it is on a call."""
    async with httpx.AsyncClient(timeout=30) as client:
        await client.post(f"{dialer.admin}/agents/{ONLY.id}/state", json={"state": state})


def rows(folder: Path, question: str) -> list[tuple[object, ...]]:
    """Asks the database directly."""
    with sqlite3.connect(folder / "dialer.db") as database:
        return database.execute(question).fetchall()


async def test_a_list_target_is_dialled_when_its_item_with_an_agent_has_come(
    dialer: RunningDialer, tmp_path: Path
) -> None:
    await book(dialer, "walked")
    await completed(tmp_path, 1)
    [(queued_at, started_at, agent, index)] = rows(
        tmp_path,
        "select c.queued_at, a.started_at, c.agent_id, c.target_index"
        " from callback c join attempt a on a.callback_id = c.id",
    )
    waited = datetime.fromisoformat(str(started_at)) - datetime.fromisoformat(str(queued_at))
    assert 3 <= waited.total_seconds() < 6
    assert (agent, index) == (ONLY.id, 1)


async def test_who_has_aged_past_a_higher_priority_is_dialled_first(dialer: RunningDialer, tmp_path: Path) -> None:
    await set_agent(dialer, "NOT_READY")
    await book(dialer, "aged", "00")
    await asyncio.sleep(4)  # two intervals more than it takes to rise above 5
    await book(dialer, "urgent", "01")
    await asyncio.sleep(1)
    await set_agent(dialer, "READY")
    await completed(tmp_path, 2)
    order = rows(
        tmp_path, "select c.service from callback c join attempt a on a.callback_id = c.id order by a.started_at"
    )
    assert order == [("aged",), ("urgent",)]


async def test_an_agent_is_in_wrap_up_for_the_delay_and_ready_after_it(dialer: RunningDialer, tmp_path: Path) -> None:
    states: list[tuple[str, datetime]] = []
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", f"{dialer.admin}/agent/events", params={"agent": ONLY.id}) as events,
    ):
        await book(dialer, "late")
        async with asyncio.timeout(40):
            async for line in events.aiter_lines():
                if line.startswith("data: ") and "old_state" in line:
                    told = json.loads(line.removeprefix("data: "))
                    states.append((told["state"], datetime.fromisoformat(told["at"])))
                    if told["state"] == "READY":
                        break
    assert [state for state, _ in states] == ["RESERVED", "RINGING", "TALKING", "WRAP_UP", "READY"]
    waited_s = (states[-1][1] - states[-2][1]).total_seconds()
    assert RELEASE_DELAY_MS / 1000 <= waited_s < RELEASE_DELAY_MS / 1000 + 1
