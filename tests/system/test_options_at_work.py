"""Options that change what is done with a call, each on real calls: one dialer, one service an option."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration

from dialer.lab import LabProcess

pytestmark = pytest.mark.system

SERVICES = {
    "machine": ("20", "Desk", 'on_machine = "connect"'),
    "fax": ("23", "Desk", 'on_fax = "connect"'),
    "silence": ("24", "Desk", 'on_silence = "connect"'),
    "blind": ("00", "Desk", "detect = false"),
    "forwarded": ("60", "Desk", "reject_forwarded = true\ndial_attempts = 1"),
    "nobody": ("01", "Nobody", "max_queue_wait = 1\nmax_wait_on_call = 1\ntreatment_find_agent_fail = '{}'"),
    "once": ("12", "SecondTry", "max_transfer_attempts = 1\ntreatment_find_agent_fail = '{}'"),
    "final": ("50", "Desk", "final_results = [6]"),
    "tone": ("40", "Desk", "detect_early_media = false\ndial_attempts = 1\nring_timeout = 3"),
}
"""Service: who is called, whom for, and the option."""

EXPECTED = {
    "machine": (9, "AGENT_CONNECTED", "ANSWERING_MACHINE"),
    "fax": (17, "AGENT_CONNECTED", "FAX"),
    "silence": (32, "AGENT_CONNECTED", "UNKNOWN"),
    "blind": (33, "AGENT_CONNECTED", "CONNECTED"),
    "forwarded": (23, "FAIL_CALL_TO_CUSTOMER", "UNKNOWN"),
    "nobody": (26, "FAIL_TARGET_NOT_FOUND", "PERSON"),
    "once": (45, "FAIL_AGENT_CONNECT", "PERSON"),
    "final": (6, "FAIL_CALL_TO_CUSTOMER", "BUSY"),
    "tone": (37, "FAIL_CALL_TO_CUSTOMER", "NO_ANSWER"),
}
"""Service: call result, reason, dial result of the only attempt."""


def tables() -> str:
    """The services as TOML."""
    return "\n".join(
        f'[service.{name}]\nfamily = "v1"\nroute_point = "8999@Lab"\ntarget = "{group}@Lab.GA"\n{text}'
        for name, (_, group, text) in SERVICES.items()
    )


@pytest.fixture
async def dialer(tmp_path: Path) -> AsyncIterator[RunningDialer]:
    async with LabProcess() as lab:
        running = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}", extra=tables()))
        await running.start()
        yield running
        assert await running.end() == 0
    assert "Traceback" not in running.log.read_text()


def dials(folder: Path) -> list[tuple[str, str, int, str, str, int]]:
    """Service, state, result, reason, dial result and open attempts, one row a dial."""
    with sqlite3.connect(folder / "dialer.db") as database:
        return database.execute(
            "select c.service, c.state, a.call_result, c.reason, a.dial_result, a.ended_at is null"
            " from callback c join attempt a on a.callback_id = c.id order by c.service"
        ).fetchall()


async def test_each_option_leads_its_call_to_the_result_of_the_table(dialer: RunningDialer, tmp_path: Path) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        for name, (number, *_) in SERVICES.items():
            url = dialer.url.replace("/test", f"/{name}")
            answer = await client.post(url, data={"_customer_number": f"+120255501{number}"})
            assert answer.status_code == 200, answer.text
        async with asyncio.timeout(60):
            while [row[1] for row in dials(tmp_path)] != ["COMPLETED"] * len(SERVICES):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.2)
    wanted = [(name, "COMPLETED", *EXPECTED[name], 0) for name in sorted(SERVICES)]
    assert dials(tmp_path) == wanted
    async with httpx.AsyncClient() as client:
        told = (await client.get(f"{dialer.ops}/metrics")).text
    for name, (result, *_) in EXPECTED.items():
        assert f'callback_dials_total{{call_result="{result}",service="{name}"}} 1.0' in told, name
