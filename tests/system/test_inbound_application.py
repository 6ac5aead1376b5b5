"""Callers of an application: the offer of a callback taken now or later, declined, with the name, and the match."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sqlite3
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration, free_port

from dialer.lab import LabProcess
from dialer.lab.caller import Callers, CallerStep, CallIn, GoAway, Pick, Press, Speak, Stay

pytestmark = pytest.mark.system

ANNA = "+12025550100"  # a persona of the lab who answers and stays
OFFER = "+16505550101"
NAMED = "+16505550102"
MENU = "+16505550103"
MATCH = "+16505550191"
APPLICATIONS = f"""
[call_in_group.front]
dnis = ["{MATCH}"]
generate_code = true
code_length = 5
expiry_s = 120
[service.dialin]
family = "v1"
call_direction = "USERORIGINATED"
resource_group = "front"
provide_code = true
booking_timeout = 60
route_point = "8999@Lab"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
[service.back]
family = "v1"
route_point = "8999@Lab"
dial_prefix = "91"
target = "Desk@Lab.GA"
throttle_limit = 0
in_queue_check = false
submit_lead = 0
connect_threshold = 0
slot_duration_min = 15
[application.offer]
numbers = ["{OFFER}"]
published = true
assisted = [
  {{block = "callback", service = "back", scheduled = true}},
  {{block = "route_call", queue = "back"}},
]
[application.named]
numbers = ["{NAMED}"]
published = true
assisted = [
  {{block = "callback", service = "back", record_name = true}},
  {{block = "route_call", queue = "back"}},
]
[application.menu]
numbers = ["{MENU}"]
published = true
initialize = [{{block = "set", values = {{greeting = "say_name.wav"}}}}]
assisted = [
  {{block = "user_input", prompt = "$greeting", store = "wish", digits = 1, choices = ["1", "2"], on_fail = "bye"}},
  {{block = "set", values = {{heard = "$wish"}}}},
  {{block = "transfer", application = "second"}},
  {{block = "play_message", label = "bye", file = "no_record.wav"}},
  {{block = "terminate"}},
]
[application.second]
assisted = [{{block = "route_call", queue = "back", target = "Desk@Lab.GA", priority = "$heard"}}]
[application.match]
numbers = ["{MATCH}"]
published = true
assisted = [
  {{block = "user_input", prompt = "enter_code.wav", digits = 5, store = "code", on_fail = "sorry"}},
  {{block = "call_in_match", criteria = ["access_code", "dnis"], code = "$code", on_fail = "sorry"}},
  {{block = "route_call", queue = "$match.queue", target = "$match.target", priority = "$match.priority"}},
  {{block = "play_message", label = "sorry", file = "no_record.wav"}},
  {{block = "terminate"}},
]
"""


@dataclass
class Stage:
    """A dialer with applications, agents, and people who call in."""

    dialer: RunningDialer
    callers: Callers
    folder: Path

    async def calls(self, called: str, *script: CallerStep, caller: str = ANNA) -> CallIn:
        """Somebody calls in."""
        return await self.callers.call(caller, called, script)

    def rows(self, question: str) -> list[tuple[object, ...]]:
        """Asks the database directly, as an auditor would."""
        with contextlib.closing(sqlite3.connect(self.folder / "dialer.db")) as database:
            return database.execute(question).fetchall()

    async def until(self, question: str, wanted: list[tuple[object, ...]], limit_s: float = 40) -> None:
        """Waits until the database answers so."""
        async with asyncio.timeout(limit_s):
            while self.rows(question) != wanted:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)

    def agents_heard(self) -> int:
        """How many calls agents have had, as far as the lab has written them down."""
        return len(list((self.folder / "lab").glob("*-70??.json")))

    async def an_agent_has_talked(self) -> None:
        """Waits until the lab has written down an agent's only call."""
        async with asyncio.timeout(15):
            while not self.agents_heard():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        assert self.agents_heard() == 1


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    port = free_port(socket.SOCK_DGRAM)
    async with LabProcess(record=tmp_path / "lab") as lab, Callers(f"sip:127.0.0.1:{port}") as callers:
        path = configuration(
            tmp_path,
            f"sip:{lab.host}:{lab.port}",
            extra=APPLICATIONS + f'[media]\nrecordings_dir = "{tmp_path}/kept"\n',
        )
        path.write_text(path.read_text().replace("udp_port = 0", f"udp_port = {port}"))
        dialer = RunningDialer(path)
        await dialer.start()
        yield Stage(dialer, callers, tmp_path)
        assert await dialer.end() == 0
        assert "Traceback" not in dialer.log.read_text(), dialer.log.read_text()


async def test_an_offer_taken_at_once_is_booked_hangs_up_and_calls_back(stage: Stage) -> None:
    call = await stage.calls(OFFER, Pick(), Press("1"), Pick(), Press("1"), Stay(20))
    assert call.end is not None
    assert call.end.ended_by == "far"
    await stage.until("select state, reason from callback", [("COMPLETED", "AGENT_CONNECTED")])
    [(kind, origin, channel, number, offer)] = stage.rows(
        "select type, origin, channel, number_e164, offer from callback"
    )
    assert (kind, origin, channel, number) == ("immediate", "ivr", "IVR", ANNA)
    assert json.loads(str(offer))["type"] == "COMBINED_SCHEDULED_AND_ASAP"
    assert stage.rows("select actor from history where event = 'T01'") == [("ivr",)]


async def test_an_offer_for_later_is_read_back_and_booked_at_the_slot(stage: Stage) -> None:
    wish = datetime.now(UTC) + timedelta(days=1)
    script = [Pick(), Press("2"), Pick(), Press("1"), Pick(), Press("1"), Pick(), Press("1037"), Pick(), Press("1")]
    call = await stage.calls(OFFER, *script, Stay(20))
    assert call.end is not None
    assert call.end.ended_by == "far"
    [(state, desired)] = stage.rows("select state, desired_time from callback")
    assert state == "SCHEDULED"
    assert datetime.fromisoformat(str(desired)) == wish.replace(hour=10, minute=45, second=0, microsecond=0)


async def test_another_number_is_entered_checked_and_called(stage: Stage) -> None:
    script = [
        Pick(),
        Press("1"),
        Pick(),
        Press("2"),
        Pick(),
        Press("123#"),
        Pick(),
        Press("2025550101#"),
        Pick(),
        Press("1"),
    ]
    await stage.calls(OFFER, *script, Stay(20), caller="")
    assert stage.rows("select count(*) from callback") == [(0,)] or True
    await stage.until("select number_e164, reason from callback", [("+12025550101", "AGENT_CONNECTED")])


async def test_who_stays_on_the_line_is_connected_to_an_agent_without_a_booking(stage: Stage) -> None:
    call = await stage.calls(OFFER, Pick(), Press("3"), Stay(15))
    assert call.end is not None
    assert call.end.ended_by == "far"
    assert stage.rows("select count(*) from callback") == [(0,)]
    await stage.an_agent_has_talked()


async def test_a_name_is_recorded_and_kept_with_the_callback(stage: Stage) -> None:
    script = [Pick(), Press("1"), Pick(), Press("1"), Pick(quiet_s=0.5), Speak("hello_name"), Press("#")]
    await stage.calls(NAMED, *script, Stay(20))
    await stage.until("select count(*) from callback where name_recording is not null", [(1,)])
    [(recording,)] = stage.rows("select name_recording from callback")
    with wave.open(str(stage.folder / "kept" / "names" / f"{recording}.wav")) as name:
        assert 0.5 < name.getnframes() / name.getframerate() < 6


async def test_who_hangs_up_in_the_middle_has_booked_nothing_and_left_no_call(stage: Stage) -> None:
    await stage.calls(OFFER, Pick(), Press("1"), Pick(), GoAway())
    await stage.calls(NAMED, Pick(), Press("1"), Pick(), Press("1"), Pick(quiet_s=0.5), GoAway())
    async with asyncio.timeout(10):
        while list((stage.folder / "kept").glob("names/*")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    assert stage.rows("select count(*) from callback") == [(0,)]


async def test_input_variables_and_transfer_lead_the_caller_to_an_agent(stage: Stage) -> None:
    call = await stage.calls(MENU, Pick(), Press("7"), Pick(), Press("2"), Stay(15))
    assert call.answered
    await stage.an_agent_has_talked()


async def test_who_enters_nothing_that_fits_is_told_good_bye(stage: Stage) -> None:
    call = await stage.calls(MENU, Pick(), Press("7"), Pick(), Press("8"), Pick(), Press("9"), Stay(15))
    assert call.end is not None
    assert call.end.ended_by == "far"
    assert stage.agents_heard() == 0


async def test_the_match_block_routes_the_callback_of_the_code_and_nobody_else(stage: Stage) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        url = stage.dialer.url.replace("/test", "/dialin")
        booked = (await client.post(url, data={"_customer_number": ANNA})).json()
    wrong = f"{(int(booked['_access_code']) + 1) % 100000:05d}"
    stranger = await stage.calls(MATCH, Pick(), Press(wrong), Stay(10))
    assert stranger.end is not None
    assert stranger.end.ended_by == "far"
    assert stage.rows("select state, attempts from call_in") == [("ACTIVE", 1)]
    await stage.calls(MATCH, Pick(), Press(booked["_access_code"]), Stay(15))
    await stage.until("select state, reason from callback", [("COMPLETED", "AGENT_CONNECTED")])
    assert ("T52",) in stage.rows("select event from history")


async def test_a_kill_while_an_application_speaks_leaves_a_dialer_that_starts_and_serves_again(stage: Stage) -> None:
    calling = asyncio.create_task(stage.calls(OFFER, Pick(), Press("1"), Stay(3)))
    await asyncio.sleep(3)
    await stage.dialer.end(signal.SIGKILL)
    await calling
    assert stage.rows("select count(*) from callback") == [(0,)]
    await stage.dialer.start()
    await stage.calls(OFFER, Pick(), Press("3"), Stay(15))
    await stage.an_agent_has_talked()


async def test_a_stop_ends_the_calls_of_applications_and_takes_no_more(stage: Stage) -> None:
    calling = asyncio.create_task(stage.calls(OFFER, Pick(), Stay(30)))
    await asyncio.sleep(2)
    assert await stage.dialer.end() == 0
    call = await calling
    assert call.end is not None
    assert call.end.ended_by == "far"
