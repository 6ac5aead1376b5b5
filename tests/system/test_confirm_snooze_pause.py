"""Questions by push, snoozes and pauses, each on a real dialer, a real device over HTTP, and real calls."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from customer_device import Device
from dialer_process import RunningDialer, configuration

from dialer.lab import LabProcess

pytestmark = pytest.mark.system

HUMAN, BUSY, RINGS = "+12025550100", "+12025550150", "+12025550151"
LEAVES, PATIENT_CUSTOMER = "+12025550114", "+12025550109"

ASKS = """
wait_for_agent = true
wait_for_user_confirm = true
user_confirm_timeout = 2
user_confirm_attempts = 2
snooze_delay = 2
push_attempts = 2
"""


@pytest.fixture
async def lab() -> AsyncIterator[LabProcess]:
    async with LabProcess() as process:
        yield process


class Place:
    """One dialer with a device and its database."""

    def __init__(self, folder: Path, dialer: RunningDialer, device: Device) -> None:
        self.folder = folder
        self.dialer = dialer
        self.device = device

    async def book(self, number: str = HUMAN, **more: str) -> str:
        """Books with the device as push target."""
        data = {"_customer_number": number, "_device_notification_id": "hers", "_device_os": "android", **more}
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(self.dialer.url, data=data)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["_id"])

    def row(self, callback_id: str) -> dict[str, Any]:
        """The record as it is in the database."""
        with sqlite3.connect(self.folder / "dialer.db") as database:
            database.row_factory = sqlite3.Row
            found = database.execute("select * from callback where id = ?", (callback_id,)).fetchone()
        return dict(found)

    def events(self, callback_id: str) -> list[str]:
        """Its transitions."""
        with sqlite3.connect(self.folder / "dialer.db") as database:
            rows = database.execute("select event from history where callback_id = ? order by id", (callback_id,))
            return [row[0] for row in rows]

    def dials(self, callback_id: str) -> list[tuple[int, int]]:
        """Result of each attempt, and whether it is still open."""
        with sqlite3.connect(self.folder / "dialer.db") as database:
            return database.execute(
                "select call_result, ended_at is null from attempt where callback_id = ? order by n", (callback_id,)
            ).fetchall()

    async def until(
        self, callback_id: str, fits: Callable[[dict[str, Any]], bool], limit_s: float = 30
    ) -> dict[str, Any]:
        """Waits until the record fits."""
        async with asyncio.timeout(limit_s):
            while not fits(row := self.row(callback_id)):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.03)
        return row

    async def in_phase(self, callback_id: str, phase: str) -> dict[str, Any]:
        """Waits until it is in a phase."""
        return await self.until(callback_id, lambda row: row["phase"] == phase)

    async def done(self, callback_id: str) -> tuple[str, str | None, int]:
        """Reason, detail and result at its end; no attempt is open then."""
        row = await self.until(callback_id, lambda row: row["state"] == "COMPLETED", 60)
        async with asyncio.timeout(10):
            while any(still for _, still in self.dials(callback_id)):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        return row["reason"], row["reason_detail"], row["call_result"]

    async def post(self, path: str, body: dict[str, object] | None = None) -> httpx.Response:
        """Asks the admin API."""
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.post(f"{self.dialer.admin}{path}", json=body)


@pytest.fixture
async def start(lab: LabProcess, tmp_path: Path) -> AsyncIterator[Any]:
    """Starts a dialer with these options and a device that answers so."""
    places: list[Place] = []
    stack = AsyncExitStack()

    async def make(service: str, device: Device, target: str = "Desk") -> Place:
        await stack.enter_async_context(device)
        path = configuration(tmp_path, f"sip:{lab.host}:{lab.port}", service=service, extra=device.table)
        path.write_text(path.read_text().replace('target = "Desk@Lab.GA"', f'target = "{target}@Lab.GA"'))
        dialer = RunningDialer(path)
        await dialer.start()
        places.append(Place(tmp_path, dialer, device))
        return places[-1]

    async with stack:
        yield make
        ends = [await place.dialer.end() for place in places]
    assert ends == [0] * len(places)
    for place in places:
        assert "Traceback" not in place.dialer.log.read_text()
        assert place.device.badly_signed == 0


# --- the question ---


async def test_who_says_yes_is_called_and_talks_to_an_agent(start: Any) -> None:
    place = await start(ASKS, Device("yes"))
    made = await place.book()
    assert (await place.done(made))[:2] == ("AGENT_CONNECTED", "talked")
    assert place.events(made)[:4] == ["T01", "T05", "T60", "T61"]
    (asked,) = place.device.of("CALLBACK_CONFIRM")
    assert (asked["callbackId"], asked["serviceName"], asked["target"]) == (made, "test", "hers")
    with sqlite3.connect(place.folder / "dialer.db") as database:
        kept = database.execute("select accepted, acked_at is not null, answer from push").fetchall()
    assert kept == [(1, 1, "yes")]
    assert (await place.device.answer(asked, "no")).status_code == 409


async def test_who_says_no_is_never_dialled(start: Any) -> None:
    place = await start(ASKS, Device("no"))
    made = await place.book()
    assert (await place.done(made))[:2] == ("CANCELLED", "customer")
    assert place.events(made)[-1] == "T63"
    assert place.dials(made) == []


async def test_who_says_later_is_asked_again_later_and_called_then(start: Any) -> None:
    place = await start(ASKS, Device("later"))
    made = await place.book()
    snoozed = await place.in_phase(made, "snoozed")
    queued_at = snoozed["queued_at"]
    place.device.reply = "yes"
    assert (await place.done(made))[0] == "AGENT_CONNECTED"
    assert place.events(made)[:7] == ["T01", "T05", "T60", "T70", "T33", "T60", "T61"]
    assert place.row(made)["queued_at"] == queued_at


async def test_silence_connects_anyway_or_ends_after_the_last_question(start: Any) -> None:
    place = await start(ASKS + 'overridable = ["on_user_confirm_timeout"]', Device(None))
    anyway = await place.book()
    strict = await place.book("+12025550101", _on_user_confirm_timeout="FAIL")
    assert (await place.done(anyway))[0] == "AGENT_CONNECTED"
    assert (await place.done(strict))[:2] == ("FAIL_USER_NO_CONFIRM", "attempts:2")
    assert place.dials(strict) == []
    assert len([m for m in place.device.of("CALLBACK_CONFIRM") if m["callbackId"] == strict]) == 2


async def test_a_device_that_cannot_be_reached_is_silent_or_ends_the_callback(start: Any) -> None:
    place = await start(ASKS + 'overridable = ["on_user_confirm_timeout"]', Device(None, status=503))
    anyway = await place.book()
    strict = await place.book("+12025550101", _on_user_confirm_timeout="FAIL")
    assert (await place.done(anyway))[0] == "AGENT_CONNECTED"
    assert (await place.done(strict))[:2] == ("FAIL_CALL_TO_CUSTOMER", "push")
    assert len([m for m in place.device.messages if m["callbackId"] == strict]) == 2  # push_attempts


# --- snooze ---


async def test_a_snooze_while_waiting_for_the_agent_releases_the_call_and_comes_back(start: Any) -> None:
    place = await start(ASKS, Device(None), target="Slow")
    made = await place.book()
    asked = await place.device.wait_for("CALLBACK_CONFIRM")
    await place.until(made, lambda row: row["state"] == "ROUTING")
    assert (await place.device.answer(asked, "later")).status_code == 200
    row = await place.in_phase(made, "snoozed")
    assert row["snoozed"] == 1
    async with asyncio.timeout(5):
        while place.dials(made) != [(19, 0)]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    place.device.reply = "no"
    assert (await place.done(made))[:2] == ("CANCELLED", "customer")


async def test_a_snooze_during_the_talk_releases_both_and_calls_again(start: Any) -> None:
    place = await start(ASKS, Device(None), target="Patient")
    made = await place.book("+12025550100")
    asked = await place.device.wait_for("CALLBACK_CONFIRM")
    await place.until(made, lambda row: row["state"] == "PROCESSING")
    assert (await place.device.answer(asked, "later")).status_code == 200
    await place.in_phase(made, "snoozed")
    async with asyncio.timeout(5):
        while place.dials(made) != [(19, 0)]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    place.device.reply = "no"
    assert (await place.done(made))[:2] == ("CANCELLED", "customer")
    assert "T33" in place.events(made)


async def test_an_answer_while_the_telephone_rings_comes_too_late(start: Any) -> None:
    place = await start(ASKS, Device(None))
    made = await place.book(RINGS)
    asked = await place.device.wait_for("CALLBACK_CONFIRM")
    await place.in_phase(made, "dialing")
    refused = await place.device.answer(asked, "later")
    assert refused.status_code == 409
    assert "nothing is asked" in refused.json()["detail"]


# --- pause ---


async def test_a_pause_holds_back_whoever_waits_and_the_end_of_it_restores_the_places(start: Any) -> None:
    place = await start("", Device(None), target="Leaves")  # a single agent
    assert (await place.post("/queues/nothing/pause")).status_code == 404
    first = await place.book(HUMAN)
    await place.in_phase(first, "talking")
    waiting = [await place.book(f"+1202555010{n}") for n in (1, 2, 3)]
    for callback_id in waiting:
        await place.in_phase(callback_id, "waiting")
    queued = [place.row(callback_id)["queued_at"] for callback_id in waiting]
    answer = await place.post("/queues/test/pause")
    assert (answer.status_code, answer.json()) == (200, {"name": "test", "paused": True, "moved": 3})
    late = await place.book("+12025550104")
    assert [place.row(c)["state"] for c in [*waiting, late]] == ["PAUSED"] * 4
    assert place.events(late) == ["T03"]
    assert (await place.done(first))[0] == "AGENT_CONNECTED", "running calls finish"
    await asyncio.sleep(2)
    assert [place.row(c)["state"] for c in [*waiting, late]] == ["PAUSED"] * 4
    assert (await place.post("/queues/test/resume")).json()["moved"] == 4
    for callback_id in [*waiting, late]:
        assert (await place.done(callback_id))[0] == "AGENT_CONNECTED"
    assert [place.row(callback_id)["queued_at"] for callback_id in waiting] == queued
    with sqlite3.connect(place.folder / "dialer.db") as database:
        dialled = [row[0] for row in database.execute("select callback_id from attempt order by started_at")]
    assert dialled == [first, *waiting, late]


async def test_a_dial_that_fails_during_the_pause_waits_paused_and_one_that_rings_can_be_aborted(start: Any) -> None:
    place = await start('dial_retry_delay_by_result = {"6" = 3, "7" = 3}', Device(None))
    rings, busy = await place.book(RINGS), await place.book(BUSY)
    await place.in_phase(busy, "retry_wait")
    await place.in_phase(rings, "dialing")
    await place.post("/queues/test/pause")
    assert place.row(busy)["state"] == "PAUSED"
    assert place.row(rings)["phase"] == "dialing", "a dial that runs is finished"
    await place.until(rings, lambda row: row["state"] == "PAUSED")
    assert (place.events(rings)[-1], place.dials(rings)) == ("T21", [(7, 0)])
    await place.post("/queues/test/resume")
    assert place.row(busy)["resume_state"] is None
    await place.in_phase(rings, "dialing")
    await place.post("/queues/test/pause", {"abort_dials": True})
    row = await place.until(rings, lambda row: row["state"] == "PAUSED", 4)
    assert place.dials(rings) == [(7, 0), (27, 0)]
    assert row["attempts"] == 1, "what we broke off ourselves does not count"
    assert (await place.post("/queues/test/pause", {"abort": True})).status_code == 422


async def test_a_booked_time_is_kept_over_a_pause(start: Any) -> None:
    place = await start("submit_lead = 1", Device(None))
    soon = datetime.now(UTC) + timedelta(seconds=6)
    made = await place.book(_desired_time=soon.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    assert place.row(made)["state"] == "SCHEDULED"
    await place.post("/queues/test/pause")
    assert (place.row(made)["state"], place.row(made)["resume_state"]) == ("PAUSED", "SCHEDULED")
    await place.post("/queues/test/resume")
    assert place.row(made)["state"] == "SCHEDULED"
    assert place.events(made) == ["T02", "T20", "T22"]
    await place.post("/queues/test/pause")
    await asyncio.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.5)
    assert place.row(made)["state"] == "PAUSED"
    await place.post("/queues/test/resume")
    assert (await place.done(made))[0] == "AGENT_CONNECTED"
    assert place.events(made)[3:6] == ["T20", "T23", "T30"]


async def test_a_pause_takes_back_the_question_that_is_out(start: Any) -> None:
    place = await start(ASKS.replace("user_confirm_timeout = 2", "user_confirm_timeout = 20"), Device(None))
    made = await place.book()
    asked = await place.device.wait_for("CALLBACK_CONFIRM")
    await place.post("/queues/test/pause")
    assert place.row(made)["state"] == "PAUSED"
    assert (await place.device.answer(asked, "yes")).status_code == 409
    place.device.reply = "yes"
    await place.post("/queues/test/resume")
    assert (await place.done(made))[0] == "AGENT_CONNECTED"


# --- kill -9 ---


async def test_a_kill_loses_nobody_who_is_asked_snoozed_or_paused(start: Any) -> None:
    place = await start(ASKS.replace("user_confirm_timeout = 2", "user_confirm_timeout = 20"), Device(None))
    made = await place.book()
    asked = await place.device.wait_for("CALLBACK_CONFIRM")
    await place.dialer.end(signal.SIGKILL)
    await place.dialer.start()
    again = await place.device.wait_for("CALLBACK_CONFIRM", lambda message: message["pushId"] != asked["pushId"])
    assert "T90" in place.events(made)
    assert (await place.device.answer(again, "later")).status_code == 200
    await place.in_phase(made, "snoozed")
    await place.dialer.end(signal.SIGKILL)
    assert place.row(made)["phase"] == "snoozed"
    await place.dialer.start()
    seen = {asked["pushId"], again["pushId"]}
    third = await place.device.wait_for("CALLBACK_CONFIRM", lambda message: message["pushId"] not in seen)
    await place.post("/queues/test/pause")
    await place.dialer.end(signal.SIGKILL)
    await place.dialer.start()
    await asyncio.sleep(1.5)
    assert place.row(made)["state"] == "PAUSED", "the pause is the store's, not the process's"
    place.device.reply = "yes"
    await place.post("/queues/test/resume")
    assert (await place.done(made))[0] == "AGENT_CONNECTED"
    assert third["callbackId"] == made


# --- what devices and subscribers are told ---


async def test_devices_are_told_of_failures_and_subscribers_of_every_state(start: Any) -> None:
    states, device = Device(None), Device(None)
    async with states:
        port = states.table.partition("127.0.0.1:")[2].partition("/")[0]
        options = f"""
status_notification = "notify"
status_notification_target = "http://127.0.0.1:{port}/states"
reminder = true
reminder_lead = 60
submit_lead = 1
callback_purge_time_min = 60
"""
        states.takes_states = True
        place = await start(options, device)
        busy = await place.book(BUSY)
        assert (await place.done(busy))[0] == "FAIL_CALL_TO_CUSTOMER"
        failed = await device.wait_for("CALLBACK_ATTEMPT_FAILED")
        assert (failed["callbackId"], failed["attempt"]) == (busy, "1")
        assert datetime.fromisoformat(failed["nextDialAt"]) > datetime.now(UTC) - timedelta(seconds=30)
        assert (await device.wait_for("CALLBACK_FINAL_ATTEMPT_FAILED"))["attempt"] == "2"
        soon = datetime.now(UTC) + timedelta(seconds=5)
        made = await place.book(_desired_time=soon.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        assert (await place.done(made))[0] == "AGENT_CONNECTED"
        async with asyncio.timeout(10):
            while not states.of_state(made, "completed"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        told = [message["_event"].removeprefix("_cbe_on_callback_") for message in states.states(made)]
        assert told == ["scheduled", "reminder", "queued", "routing", "processing", "completed"]
        assert states.states(made)[-1]["_callback_reason"] == "AGENT_CONNECTED"
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"{place.dialer.ops}/metrics")).text
        assert 'callback_push_total{channel="FCM",event="CALLBACK_ATTEMPT_FAILED",result="accepted"} 1.0' in metrics
