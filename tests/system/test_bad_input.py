"""What goes wrong at an operator's: each time a clear word where one looks, nothing lost, and the node stays up."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dialer_process import RunningDialer, configuration, free_port

from dialer.cli.demo_stage import asterisk
from dialer.lab import LabProcess

pytestmark = pytest.mark.system

HUMAN, UNKNOWN = "+12025550100", "12"


@pytest.fixture
async def lab() -> AsyncIterator[LabProcess]:
    async with LabProcess() as process:
        yield process


def check(config: Path, *arguments: str) -> tuple[int, str]:
    """`dialer check`: exit status and everything it said."""
    done = subprocess.run(
        [sys.executable, "-m", "dialer.cli.main", "check", "-c", str(config), *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={"COLUMNS": "400", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_every_mistake_in_the_configuration_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    path = configuration(tmp_path, "sip:127.0.0.1:5060", service="ring_timout = 5\nattempts = 3\ndial_attempts = 99")
    path.write_text(path.read_text().replace("dial_attempts = 2\n", ""))
    status, said = check(path)
    lines = path.read_text().splitlines()
    assert status == 1
    for key in ("ring_timout", "attempts", "dial_attempts"):
        line = 1 + next(n for n, text in enumerate(lines) if text.startswith(f"{key} ="))
        assert f"dialer.toml:{line}" in said, said
    assert "ring_timeout" in said, "the nearest right name is said"
    assert "Traceback" not in said


def test_toml_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "dialer.toml"
    path.write_text('[service.sales]\ntarget = "?:Sales>0\n')
    status, said = check(path)
    assert status == 1
    assert "dialer.toml:2" in said, said
    assert "Traceback" not in said


def test_a_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    status, said = check(tmp_path / "nowhere.toml")
    assert status == 1
    assert "nowhere.toml" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "content"), [("gone.wav", None), ("video.wav", b"RIFF\x04\0\0\0AVI "), ("empty.wav", b"")]
)
async def test_a_missing_or_wrong_sound_is_told_by_check(
    lab: LabProcess, tmp_path: Path, name: str, content: bytes | None
) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    if content is not None:
        (sounds / name).write_bytes(content)
    path = configuration(
        tmp_path, f"sip:{lab.host}:{lab.port}", service=f'treatment_customer_connect = "{name}"',
        extra=f'[media]\ntreatments_dir = "{sounds}"',
    )  # fmt: skip
    status, said = await asyncio.to_thread(check, path)
    assert status == 1
    assert name in said
    assert "Traceback" not in said


async def test_calls_are_made_without_sounds_that_cannot_be_played(lab: LabProcess, tmp_path: Path) -> None:
    broken = tmp_path / "sounds" / "broken.wav"
    broken.parent.mkdir()
    path = configuration(
        tmp_path, f"sip:{lab.host}:{lab.port}", service='treatment_waiting_for_agent = "broken.wav"',
        extra=f'[media]\ntreatments_dir = "{broken.parent}"',
    )  # fmt: skip
    dialer = RunningDialer(path)
    await dialer.start()
    broken.write_bytes(b"no sound at all")  # it came in after the start
    done = await dialer.completed((await dialer.book(HUMAN)).json()["_id"])
    assert done["_callback_reason"] == "AGENT_CONNECTED", dialer.log.read_text()
    assert "broken.wav" in dialer.log.read_text()
    assert await dialer.end() == 0


async def test_an_unreachable_pbx_is_told_and_the_callback_ends_by_the_table(tmp_path: Path) -> None:
    path = configuration(tmp_path, f"sip:127.0.0.1:{free_port()}", service="dial_attempts = 1")
    path.write_text(path.read_text().replace("dial_attempts = 2\n", "", 1))
    status, said = await asyncio.to_thread(check, path, "--wait-s", "2")
    assert status == 1
    assert "does not answer" in said or "answers 503" in said or "408" in said, said
    dialer = RunningDialer(path)
    await dialer.start()
    done = await dialer.completed((await dialer.book(HUMAN)).json()["_id"])
    assert done["_callback_reason"] == "FAIL_CALL_TO_CUSTOMER"
    assert await dialer.end() == 0


async def test_a_wrong_password_is_told_by_check_and_by_the_callback(lab: LabProcess, tmp_path: Path) -> None:
    async with asterisk(lab.port, tmp_path / "pbx") as (uri, password):
        path = configuration(tmp_path, f'{uri}\nuser = "8999"\npassword = "{password}"', service="dial_attempts = 1")
        path.write_text(path.read_text().replace("dial_attempts = 2\n", "", 1))
        status, said = await asyncio.to_thread(check, path)
        assert status == 0, said
        path.write_text(path.read_text().replace(password, "not the password"))
        status, said = await asyncio.to_thread(check, path)
        assert status == 1
        assert "user and password of [gateway.lab]" in said
        dialer = RunningDialer(path)
        await dialer.start()
        done = await dialer.completed((await dialer.book(HUMAN)).json()["_id"])
        assert done["_callback_reason"] == "FAIL_CALL_TO_CUSTOMER"
        assert "gateway_refuses_us" in dialer.log.read_text()
        assert await dialer.end() == 0


async def test_malformed_numbers_are_refused_and_leave_no_record(lab: LabProcess, tmp_path: Path) -> None:
    dialer = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}"))
    await dialer.start()
    for number in (UNKNOWN, "no number", "+1 202 555 01000000000", "'; drop table callback; --", "\r\nX-Header: 1"):
        answer = await dialer.book(number)
        assert answer.status_code == 400, number
        assert answer.json()["exception"] == "InvalidNumber"
    with sqlite3.connect(tmp_path / "dialer.db") as database:
        assert database.execute("select count(*) from callback").fetchone() == (0,)
    assert await dialer.end() == 0


async def test_a_locked_database_is_answered_plainly_and_loses_nothing(lab: LabProcess, tmp_path: Path) -> None:
    dialer = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}"))
    await dialer.start()
    first = (await dialer.book(HUMAN)).json()["_id"]
    thief = sqlite3.connect(tmp_path / "dialer.db", isolation_level=None)
    thief.execute("begin immediate")
    answer = await dialer.book("+12025550101")
    assert answer.status_code == 503, answer.text
    assert answer.json()["exception"] == "Unavailable"
    assert "lock" in answer.json()["message"].lower(), answer.text
    thief.execute("rollback")
    thief.close()
    assert (await dialer.completed(first))["_callback_reason"] == "AGENT_CONNECTED", dialer.log.read_text()
    again = await dialer.book("+12025550101")
    assert (await dialer.completed(again.json()["_id"]))["_callback_reason"] == "AGENT_CONNECTED"
    assert await dialer.end() == 0


async def test_a_full_disk_is_answered_plainly_and_work_goes_on_when_there_is_room(
    lab: LabProcess, tmp_path: Path
) -> None:
    dialer = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}"))
    await dialer.start()
    first = (await dialer.book(HUMAN)).json()["_id"]
    await dialer.completed(first)
    soft, hard = resource.prlimit(dialer.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(dialer.pid, resource.RLIMIT_FSIZE, (4096, hard))
    answer = await dialer.book("+12025550101")
    assert answer.status_code == 503, answer.text
    async with asyncio.timeout(20):  # the worker notices with its next heartbeat
        while (await dialer.ready())[0] == 200:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    status, readiness = await dialer.ready()
    resource.prlimit(dialer.pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 503
    assert not readiness["db"]
    again = await dialer.book("+12025550101")
    assert again.status_code == 200, again.text
    assert (await dialer.completed(again.json()["_id"]))["_callback_reason"] == "AGENT_CONNECTED", (
        dialer.log.read_text()
    )
    assert (await dialer.state(first))["_callback_state"] == "COMPLETED"
    assert await dialer.end() == 0
