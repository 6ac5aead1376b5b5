"""What comes at the worst moment: cancels in every state, a locked store, a service that is gone, a node that dies."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration

from dialer.lab import LabProcess

pytestmark = pytest.mark.system

PLACES = {
    "waiting": ("00", "Nobody", ""),
    "dialing": ("51", "Desk", "ring_timeout = 30"),
    "agent_wait": ("01", "Nobody", "max_queue_wait = 1"),
    "agent_ring": ("03", "Slow", "agent_reserve_timeout = 20"),
    "retry_wait": ("50", "Desk", "dial_retry_delay = 60"),
}
"""Phase in which a callback is cancelled: who is called, whom for, and the options that keep it there."""


@pytest.fixture
async def lab() -> AsyncIterator[LabProcess]:
    async with LabProcess() as process:
        yield process


def rows(folder: Path, question: str, *given: str) -> list[tuple[object, ...]]:
    """Asks the database directly, as an auditor would."""
    with sqlite3.connect(folder / "dialer.db", timeout=10) as database:
        return database.execute(question, given).fetchall()


async def reach(folder: Path, callback_id: str, place: str) -> None:
    """Waits until a callback is in a state or phase."""
    async with asyncio.timeout(30):
        while place not in rows(folder, "select state, phase from callback where id = ?", callback_id)[0]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


async def idle(dialer: RunningDialer) -> None:
    """Waits until no call is active."""
    async with asyncio.timeout(15), httpx.AsyncClient() as client:
        while "\nsip_calls_active 0.0" not in (await client.get(f"{dialer.ops}/metrics")).text:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def busy_agents(dialer: RunningDialer) -> list[str]:
    """Agents that a call holds."""
    async with httpx.AsyncClient() as client:
        agents = (await client.get(f"{dialer.admin}/agents")).json()["items"]
    return [agent["id"] for agent in agents if agent["state"] in {"RESERVED", "RINGING", "TALKING"}]


async def test_a_cancel_in_any_state_leaves_no_leg_no_attempt_and_no_held_agent(
    lab: LabProcess, tmp_path: Path
) -> None:
    services = "\n".join(
        f'[service.{name}]\nfamily = "v1"\nroute_point = "8999@Lab"\ntarget = "{group}@Lab.GA"\n{text}'
        for name, (_, group, text) in PLACES.items()
    )
    dialer = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}", extra=services))
    await dialer.start()

    async def book_and_cancel(client: httpx.AsyncClient, name: str) -> None:
        url = dialer.url.replace("/test", f"/{name}")
        made = (await client.post(url, data={"_customer_number": f"+120255501{PLACES[name][0]}"})).json()["_id"]
        await reach(tmp_path, made, name)
        assert (await client.delete(f"{url}/{made}")).status_code == 200, name

    async with httpx.AsyncClient(timeout=30) as client:
        await asyncio.gather(*(book_and_cancel(client, name) for name in PLACES))
    await idle(dialer)
    assert await busy_agents(dialer) == []
    assert rows(tmp_path, "select distinct state, reason from callback") == [("COMPLETED", "CANCELLED")]
    results = (
        "select c.service, a.call_result, a.ended_at is null from attempt a join callback c on c.id = a.callback_id"
    )
    assert sorted(rows(tmp_path, results)) == [
        ("agent_ring", 52, 0), ("agent_wait", 52, 0), ("dialing", 52, 0), ("retry_wait", 6, 0),
    ]  # fmt: skip
    assert await dialer.end() == 0
    assert "Traceback" not in dialer.log.read_text()


async def test_a_store_locked_for_longer_than_a_lease_costs_no_running_call(lab: LabProcess, tmp_path: Path) -> None:
    path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}", service="agent_reserve_timeout = 20")
    text = path.read_text().replace("[node]", "[node]\nlease_s = 3").replace("Desk@Lab.GA", "Slow@Lab.GA")
    path.write_text(text)
    dialer = RunningDialer(path)
    await dialer.start()
    made = (await dialer.book("+12025550100")).json()["_id"]
    await reach(tmp_path, made, "agent_ring")
    thief = sqlite3.connect(tmp_path / "dialer.db", isolation_level=None, timeout=10)
    thief.execute("begin immediate")
    await asyncio.sleep(6)
    thief.execute("rollback")
    thief.close()
    await dialer.completed(made)
    events = [row[0] for row in rows(tmp_path, "select event from history where callback_id = ? order by rowid", made)]
    assert events == ["T01", "T05", "T30", "T31", "T35a", "T35", "T73"]
    assert await dialer.end() == 0


async def test_a_callback_whose_service_is_gone_is_said_once_kept_and_can_be_cancelled(
    lab: LabProcess, tmp_path: Path
) -> None:
    path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}")
    path.write_text(path.read_text().replace("Desk@Lab.GA", "Nobody@Lab.GA").replace("[node]", "[node]\nlease_s = 3"))
    dialer = RunningDialer(path)
    await dialer.start()
    made = (await dialer.book("+12025550100")).json()["_id"]
    await reach(tmp_path, made, "waiting")
    assert await dialer.end() == 0
    path.write_text(path.read_text().replace("[service.test]", "[service.other]"))
    await dialer.start()
    await asyncio.sleep(5)  # longer than a lease
    assert rows(tmp_path, "select event from history") == [("T01",), ("T05",)]
    assert dialer.log.read_text().count("callback_cannot_be_dialled") == 1
    async with httpx.AsyncClient() as client:
        assert (await client.delete(f"{dialer.url}/{made}")).status_code == 200
    assert await dialer.end() == 0


async def test_of_two_nodes_on_one_store_the_living_one_carries_on_what_the_dead_one_had(
    lab: LabProcess, tmp_path: Path
) -> None:
    nodes = []
    for name in ("node-a", "node-b"):
        folder = tmp_path / name
        folder.mkdir()
        path = configuration(folder, f"sip:{lab.host}:{lab.port}", service="agent_reserve_timeout = 20")
        text = path.read_text().replace(str(folder / "dialer.db"), str(tmp_path / "dialer.db"))
        text = text.replace("Desk@Lab.GA", "Slow@Lab.GA").replace("[node]", f'[node]\nname = "{name}"\nlease_s = 3')
        path.write_text(text)
        nodes.append(RunningDialer(path))
        await nodes[-1].start()
    first, second = nodes
    made = (await first.book("+12025550100")).json()["_id"]
    await reach(tmp_path, made, "agent_ring")
    owner = rows(tmp_path, "select node from callback where id = ?", made)[0][0]
    dying, living = (first, second) if owner == "node-a" else (second, first)
    await dying.end(signal.SIGKILL)
    assert (await living.completed(made))["_callback_reason"] == "AGENT_CONNECTED"
    attempts = rows(tmp_path, "select node, call_result, counted, ended_at is null from attempt order by n")
    assert attempts == [(owner, 46, 0, 0), ("node-b" if owner == "node-a" else "node-a", 33, 1, 0)]
    dead, again = rows(tmp_path, "select started_at from attempt order by n")
    assert again[0] > dead[0]
    assert await living.end() == 0
