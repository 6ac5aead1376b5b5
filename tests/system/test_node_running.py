"""The worker at work, seen from outside: it cancels, paces, stops and goes on."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration

from dialer.lab import LabProcess

pytestmark = pytest.mark.system

HUMANS = ("+12025550100", "+12025550101", "+12025550103", "+12025550112")


@pytest.fixture
async def lab() -> AsyncIterator[LabProcess]:
    async with LabProcess() as process:
        yield process


def rows(folder: Path, question: str) -> list[tuple[object, ...]]:
    """Asks the database directly, as an auditor would."""
    with sqlite3.connect(folder / "dialer.db") as database:
        return database.execute(question).fetchall()


async def until(dialer: RunningDialer, callback_id: str, state: str) -> None:
    """Waits until a callback is in a state."""
    async with asyncio.timeout(30):
        while (await dialer.state(callback_id))["_callback_state"] != state:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def calls_active(dialer: RunningDialer) -> float:
    """What /metrics says of running calls."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{dialer.ops}/metrics")).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("sip_calls_active "))


async def test_a_cancel_releases_the_customer_who_waits_and_closes_the_attempt(lab: LabProcess, tmp_path: Path) -> None:
    path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}", service="agent_reserve_timeout = 20")
    path.write_text(path.read_text().replace('target = "Desk@Lab.GA"', 'target = "Slow@Lab.GA"'))
    dialer = RunningDialer(path)
    await dialer.start()
    made = (await dialer.book(HUMANS[0])).json()["_id"]
    await until(dialer, made, "ROUTING")
    async with httpx.AsyncClient() as client:
        assert (await client.delete(f"{dialer.url}/{made}")).status_code == 200
    record = await dialer.state(made)
    assert record["_callback_reason"] == "CANCELLED"
    async with asyncio.timeout(10):
        while await calls_active(dialer):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert rows(tmp_path, "select call_result, ended_at is null from attempt") == [(52, 0)]
    assert await dialer.end() == 0
    assert "Traceback" not in dialer.log.read_text()


async def test_never_more_customers_are_dialled_than_agents_are_ready(lab: LabProcess, tmp_path: Path) -> None:
    path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}")
    path.write_text(path.read_text().replace('target = "Desk@Lab.GA"', 'target = "Leaves@Lab.GA"'))  # a single agent
    dialer = RunningDialer(path)
    await dialer.start()
    made = [(await dialer.book(number)).json()["_id"] for number in HUMANS]
    for callback_id in made:
        assert (await dialer.completed(callback_id))["_callback_reason"] == "AGENT_CONNECTED"
    spans = rows(tmp_path, "select started_at, ended_at from attempt order by started_at")
    assert len(spans) == len(HUMANS)
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans)), spans
    in_order = rows(tmp_path, "select a.callback_id from attempt a order by a.started_at")
    assert [row[0] for row in in_order] == made, "first come, first served"
    assert await dialer.end() == 0


async def test_a_stop_lets_running_calls_finish_and_a_start_goes_on(lab: LabProcess, tmp_path: Path) -> None:
    path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}")
    path.write_text(path.read_text().replace("stop_deadline_s = 3", "stop_deadline_s = 20"))
    text = path.read_text().replace('target = "Desk@Lab.GA"', 'target = "Leaves@Lab.GA"')
    path.write_text(text)
    dialer = RunningDialer(path)
    await dialer.start()
    made = [(await dialer.book(number)).json()["_id"] for number in HUMANS]
    await until(dialer, made[0], "ROUTING")
    assert await dialer.end() == 0
    assert rows(tmp_path, "select count(*) from attempt where ended_at is null") == [(0,)]
    assert rows(tmp_path, f"select reason from callback where id = '{made[0]}'") == [("AGENT_CONNECTED",)]
    assert rows(tmp_path, "select count(*) from attempt") == [(1,)], "no new dial after the stop was asked for"
    await dialer.start()
    for callback_id in made[1:]:
        assert (await dialer.completed(callback_id))["_callback_reason"] == "AGENT_CONNECTED"
    assert await dialer.end() == 0


async def test_a_stop_releases_what_is_not_finished_at_the_deadline(lab: LabProcess, tmp_path: Path) -> None:
    path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}", service="ring_timeout = 30")
    path.write_text(
        path.read_text().replace("stop_deadline_s = 3", "stop_deadline_s = 1").replace("ring_timeout = 5\n", "", 1)
    )
    dialer = RunningDialer(path)
    await dialer.start()
    made = (await dialer.book("+12025550151")).json()["_id"]  # rings for ever
    async with asyncio.timeout(20):
        while not rows(tmp_path, "select 1 from attempt"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert await dialer.end() == 0
    assert rows(tmp_path, "select call_result, counted from attempt") == [(27, 0)], "ended by us: it does not count"
    assert rows(tmp_path, f"select state, phase from callback where id = '{made}'") == [("QUEUED", "retry_wait")]


async def test_a_call_by_hand_beside_a_running_dialer_is_made_by_that_one(lab: LabProcess, tmp_path: Path) -> None:
    unattended = '[service.unattended]\nfamily = "v1"\nroute_point = "8999@Lab"\ntarget = "Nobody@Lab.GA"'
    dialer = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}", extra=unattended))
    await dialer.start()
    status, said = await command(dialer, "run")
    assert status == 1
    assert "is running already" in said
    waiting = asyncio.create_task(command(dialer, "call", HUMANS[1], "--service", "unattended"))
    async with asyncio.timeout(30):
        while not (made := rows(tmp_path, "select id from callback where phase = 'waiting'")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    async with httpx.AsyncClient() as client:
        url = dialer.url.replace("/test", "/unattended")
        assert (await client.delete(f"{url}/{made[0][0]}")).status_code == 200
    status, said = await waiting
    assert status == 1
    assert "CANCELLED" in said, "a callback that was never dialled ends the command too"
    status, said = await command(dialer, "call", HUMANS[0], "--service", "test")
    assert status == 0, said
    assert "runs already" in said
    assert "AGENT_CONNECTED" in said
    assert await dialer.end() == 0


async def command(dialer: RunningDialer, *words: str) -> tuple[int | None, str]:
    """Runs a command of the dialer on the same configuration; gives its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialer.cli.main", *words, "-c", str(dialer.config),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    return process.returncode, " ".join(said.decode().split())


async def test_two_callbacks_to_one_number_are_dialled_one_after_the_other_and_stay_owned(
    lab: LabProcess, tmp_path: Path
) -> None:
    path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}")
    path.write_text(path.read_text().replace("stop_deadline_s = 3", "stop_deadline_s = 3\nlease_s = 3"))
    dialer = RunningDialer(path)
    await dialer.start()
    made = [(await dialer.book(HUMANS[0])).json()["_id"] for _ in range(3)]
    for callback_id in made:
        assert (await dialer.completed(callback_id))["_callback_reason"] == "AGENT_CONNECTED"
    spans = rows(tmp_path, "select started_at, ended_at from attempt order by started_at")
    assert len(spans) == len(made)
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans)), spans
    assert rows(tmp_path, "select count(*) from history where event in ('T90', 'T91')") == [(0,)]
    assert await dialer.end() == 0
