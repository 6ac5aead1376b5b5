"""Customers who dial in with a number and a code that they were given, over real SIP into a dialer process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration, free_port

from dialer.lab import LabProcess
from dialer.lab.caller import Callers, CallerStep, CallIn, Converse, Pick, Press, Stay

pytestmark = pytest.mark.system

ANNA = "+12025550143"
BERT = "+12025550144"
GROUP = """
[call_in_group.front]
dnis = ["+16505550190", "+16505550191"]
code_length = 5
[call_in_group.own]
dnis = ["+16505550192"]
unique_dnis = true
[service.dialin]
family = "v1"
call_direction = "USERORIGINATED"
resource_group = "front"
provide_code = true
booking_timeout = 20
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.bynumber]
family = "v1"
call_direction = "USERORIGINATED"
resource_group = "own"
booking_timeout = 8
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.bycaller]
family = "v1"
call_direction = "USERORIGINATED"
resource_group = "front"
booking_timeout = 20
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.builtin]
family = "v1"
type = "builtin"
resource_group = "front"
provide_code = true
booking_timeout = 20
route_point = "8999@Lab"
target = "Desk@Lab.GA"
mandatory_lookup_keys = []
"""


@dataclass
class Stage:
    """A dialer, agents, and people who call in."""

    dialer: RunningDialer
    callers: Callers
    folder: Path

    async def book(self, service: str, number: str = ANNA, **more: str) -> dict[str, str]:
        """Asks for an access number."""
        async with httpx.AsyncClient(timeout=30) as client:
            url = self.dialer.url.replace("/test", f"/{service}")
            answer = await client.post(url, data={"_customer_number": number, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def calls(self, called: str, *script: CallerStep, caller: str = ANNA) -> CallIn:
        """Somebody calls in."""
        return await self.callers.call(caller, called, script)

    async def ended(self, callback_id: str, limit_s: float = 40) -> str:
        """Waits until a callback is completed; gives its reason."""
        async with asyncio.timeout(limit_s):
            while True:
                found = self.rows(f"select state, reason from callback where id = '{callback_id}'")
                if found and found[0][0] == "COMPLETED":
                    return str(found[0][1])
                await asyncio.sleep(0.1)

    def rows(self, question: str) -> list[tuple[object, ...]]:
        """Asks the database directly, as an auditor would."""
        with contextlib.closing(sqlite3.connect(self.folder / "dialer.db")) as database:
            return database.execute(question).fetchall()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    port = free_port(socket.SOCK_DGRAM)
    async with LabProcess(record=tmp_path / "lab") as lab, Callers(f"sip:127.0.0.1:{port}") as callers:
        path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}", extra=GROUP)
        path.write_text(path.read_text().replace("udp_port = 0", f"udp_port = {port}"))
        dialer = RunningDialer(path)
        await dialer.start()
        yield Stage(dialer, callers, tmp_path)
        assert await dialer.end() == 0
        assert "Traceback" not in dialer.log.read_text(), dialer.log.read_text()


async def test_who_enters_the_right_code_is_connected_to_an_agent(stage: Stage) -> None:
    booked = await stage.book("dialin")
    assert len(booked["_access_code"]) == 5
    call = await stage.calls(booked["_access_number"], Pick(), Press(booked["_access_code"]), Converse(6), Stay(10))
    assert call.answered
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"
    assert stage.rows("select event from history order by id") == [
        (event,) for event in ("T01", "T05", "T50", "T52", "T35a", "T35", "T73")
    ]
    assert stage.rows("select call_result, dial_result, ended_at is null from attempt") == [
        (33, "USERORIGINATED_CONNECTED", 0)
    ]
    assert stage.rows("select state, ani from call_in") == [("COMPLETED", ANNA)]
