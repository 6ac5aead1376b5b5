"""Customers who dial in with a number and a code that they were given, over real SIP into a dialer process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "proof"))

from dialer_process import RunningDialer, configuration, free_port
from side_by_side import End, hearing, load

from dialer.lab import LabProcess
from dialer.lab.caller import Callers, CallerStep, CallIn, Converse, Pick, Press, Stay
from dialer.lab.notebook import laid_out

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
booking_timeout = 60
overridable = ["booking_timeout"]
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.bynumber]
family = "v1"
call_direction = "USERORIGINATED"
resource_group = "own"
booking_timeout = 60
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.bycaller]
family = "v1"
call_direction = "USERORIGINATED"
resource_group = "front"
booking_timeout = 60
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.delayed]
family = "v1"
call_direction = "USERORIGINATED"
wait_for_agent = true
resource_group = "front"
provide_code = true
booking_timeout = 60
pushed_callback_expiry_min = 1
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.nobody]
family = "v1"
call_direction = "USERORIGINATED"
wait_for_agent = true
resource_group = "front"
route_point = "8999@Lab"
target = "Nobody@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.builtin]
family = "v1"
type = "builtin"
resource_group = "front"
provide_code = true
booking_timeout = 60
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

    async def phase(self, callback_id: str, wanted: str) -> None:
        """Waits until a callback is in a phase."""
        async with asyncio.timeout(20):
            while self.rows(f"select phase from callback where id = '{callback_id}'") != [(wanted,)]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def becomes(self, question: str, answer: list[tuple[object, ...]]) -> None:
        """Waits until the database answers so: a caller who has left is written down a moment later."""
        async with asyncio.timeout(10):
            while self.rows(question) != answer:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    def rows(self, question: str) -> list[tuple[object, ...]]:
        """Asks the database directly, as an auditor would."""
        with contextlib.closing(sqlite3.connect(self.folder / "dialer.db")) as database:
            return database.execute(question).fetchall()


def end_of(call: CallIn) -> End:
    """The caller's end as the recordings of the lab are."""
    heard = call.heard.samples().astype(np.float64)
    assert call.heard.began_at is not None
    said = laid_out(call.said, call.heard.began_at, len(heard))
    return End(call.caller, call.heard.began_at, heard, said, [])


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
    await stage.becomes("select state, ani from call_in", [("COMPLETED", ANNA)])


async def test_the_agent_and_the_customer_who_called_hear_each_other(stage: Stage) -> None:
    booked = await stage.book("dialin")
    call = await stage.calls(booked["_access_number"], Pick(), Press(booked["_access_code"]), Converse(6), Stay(10))
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"
    async with asyncio.timeout(10):
        while not (agents := list((stage.folder / "lab").glob("*-70??.json"))):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    agent, customer = load(agents[0].with_suffix(".wav")), end_of(call)
    for heard in (hearing(customer, agent), hearing(agent, customer)):
        assert heard.correlation > 0.95
        assert heard.delay_ms < 400
        assert heard.residual_db < -12


async def test_after_three_wrong_codes_the_caller_is_told_and_may_call_again(stage: Stage) -> None:
    booked = await stage.book("dialin")
    number, code = booked["_access_number"], booked["_access_code"]
    wrong = f"{(int(code) + 1) % 100000:05d}"
    call = await stage.calls(number, *([Pick(), Press(wrong)] * 3), Stay(15))
    assert call.end is not None
    assert call.end.ended_by == "far"
    await stage.becomes("select state, attempts from call_in", [("ACTIVE", 3)])
    await stage.calls(number, Pick(), Press(wrong), Pick(), Press(code), Stay(10))
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"


async def test_a_code_that_has_expired_matches_nobody_and_the_callback_ends(stage: Stage) -> None:
    booked = await stage.book("dialin", _booking_expiration_timeout="5")
    assert await stage.ended(booked["_id"]) == "FAIL_CALL_TO_CUSTOMER"
    assert stage.rows("select reason_detail, attempts from callback") == [("booking_expired", 0)]
    await stage.becomes("select state from call_in", [("EXPIRED",)])
    call = await stage.calls(booked["_access_number"], *([Pick(), Press(booked["_access_code"])] * 3), Stay(15))
    assert call.end is not None
    assert call.end.ended_by == "far"
    assert stage.rows("select count(*) from attempt") == [(0,)]


async def test_without_a_code_the_caller_is_known_by_number_and_a_stranger_is_not(stage: Stage) -> None:
    booked = await stage.book("bycaller")
    assert "_access_code" not in booked
    stranger = await stage.calls(booked["_access_number"], *([Pick(), Press("12345")] * 3), Stay(15), caller=BERT)
    assert stranger.end is not None
    assert stranger.end.ended_by == "far"
    assert stage.rows("select count(*) from attempt") == [(0,)]
    await stage.calls(booked["_access_number"], Stay(10), caller=ANNA)
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"


async def test_a_number_of_ones_own_needs_neither_code_nor_caller_and_is_not_given_twice(stage: Stage) -> None:
    booked = await stage.book("bynumber")
    async with httpx.AsyncClient(timeout=30) as client:
        refused = await client.post(stage.dialer.url.replace("/test", "/bynumber"), data={"_customer_number": BERT})
    assert (refused.status_code, refused.json()["exception"]) == (409, "NoNumberFree")
    await stage.calls(booked["_access_number"], Stay(10), caller="")
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"
    assert (await stage.book("bynumber", BERT))["_access_number"] == booked["_access_number"]


async def test_a_number_and_code_without_a_callback_lead_to_an_agent(stage: Stage) -> None:
    first, second = await stage.book("builtin", ""), await stage.book("builtin", "")
    assert first["_access_number"] != second["_access_number"], "least recently used first"
    await stage.calls(second["_access_number"], Pick(), Press(second["_access_code"]), Stay(15))
    assert stage.rows("select count(*) from callback") == [(0,)]
    await stage.becomes("select state from call_in order by created_at", [("ACTIVE",), ("COMPLETED",)])
    async with asyncio.timeout(15):  # until the lab has written the agent's call down
        while not list((stage.folder / "lab").glob("*-70??.json")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def test_a_call_to_a_number_of_nobody_is_refused(stage: Stage) -> None:
    call = await stage.calls("+16505559999", Stay(5))
    assert not call.answered
    assert call.end is not None
    assert call.end.sip_status == 404


async def test_a_kill_while_the_call_is_awaited_loses_neither_number_nor_code(stage: Stage) -> None:
    booked = await stage.book("dialin")
    await stage.phase(booked["_id"], "call_in_wait")
    await stage.dialer.end(signal.SIGKILL)
    await stage.dialer.start()
    await stage.calls(booked["_access_number"], Pick(), Press(booked["_access_code"]), Stay(10))
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"
    assert ("T90",) in stage.rows("select event from history")


async def test_a_stop_while_the_call_is_awaited_gives_the_callback_back_at_once(stage: Stage) -> None:
    booked = await stage.book("dialin")
    await stage.phase(booked["_id"], "call_in_wait")
    assert await stage.dialer.end() == 0
    await stage.dialer.start()
    await stage.calls(booked["_access_number"], Pick(), Press(booked["_access_code"]), Stay(10))
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"


async def test_a_kill_in_the_middle_of_the_prompt_leaves_the_request_to_the_next_call(stage: Stage) -> None:
    booked = await stage.book("dialin")
    calling = asyncio.create_task(stage.calls(booked["_access_number"], Pick(), Stay(3)))
    await asyncio.sleep(2.0)
    await stage.dialer.end(signal.SIGKILL)
    await calling
    await stage.dialer.start()
    await stage.calls(booked["_access_number"], Pick(), Press(booked["_access_code"]), Stay(10))
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"


async def test_a_cancel_frees_the_number_and_the_code_fits_no_more(stage: Stage) -> None:
    booked = await stage.book("bynumber")
    await stage.phase(booked["_id"], "call_in_wait")
    async with httpx.AsyncClient(timeout=30) as client:
        url = stage.dialer.url.replace("/test", "/bynumber")
        assert (await client.delete(f"{url}/{booked['_id']}")).status_code == 200
    call = await stage.calls(booked["_access_number"], Stay(10))
    assert call.end is not None
    assert call.end.ended_by == "far"
    assert stage.rows("select count(*) from attempt") == [(0,)]
    await stage.becomes("select state from call_in", [("CANCELLED",)])


async def test_who_waits_for_an_agent_gets_the_number_at_the_front_of_the_queue(stage: Stage) -> None:
    behind = await stage.book("nobody", BERT)
    booked = await stage.book("delayed")
    assert "_access_number" not in booked
    await stage.phase(booked["_id"], "call_in_wait")
    base = stage.dialer.url.rpartition("/callback/")[0]
    async with httpx.AsyncClient(timeout=30) as client:
        early = await client.post(f"{base}/request-access", data={"_id": behind["_id"]})
        assert (early.status_code, early.json()["exception"]) == (409, "InvalidState")
        access = (await client.post(f"{base}/request-access", data={"_id": booked["_id"]})).json()
        code = access["_access_code"]
        found = await client.post(f"{base}/match-interaction", data={"_access_code": code})
        assert found.json()["_id"] == booked["_id"]
    await stage.calls(access["_access_number"], Pick(), Press(code), Stay(15))
    assert await stage.ended(booked["_id"]) == "AGENT_CONNECTED"
    assert stage.rows("select phase from callback where state <> 'COMPLETED'") == [("waiting",)]
