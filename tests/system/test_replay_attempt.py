"""`dialer replay --attempt`: what was heard of a live call gives the same verdict again, to its confidence and time."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path

import pytest
from dialer_process import RunningDialer, configuration

from dialer.cli.replay_attempt import hear_again
from dialer.lab import LabProcess
from dialer.lab.personas import PERSONAS

pytestmark = pytest.mark.system

NUMBERS = {persona.name: persona.number for persona in PERSONAS}


async def dialer(*words: object) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialer.cli.main", *map(str, words),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        said, complained = await process.communicate()
    return process.returncode, said.decode(), complained.decode()


async def test_a_live_verdict_is_given_again_from_what_was_kept(tmp_path: Path) -> None:
    called = ("human", "human-ringback", "voicemail", "fax", "silent", "sit-vacant-early", "sit-reorder-carrier")
    async with LabProcess() as lab:
        path = configuration(
            tmp_path,
            f"sip:{lab.host}:{lab.port}",
            service="record_detection = true\ndial_attempts = 1\ntreatment_call_failure_answering_machine = '{}'",
            extra=f'[media]\nrecordings_dir = "{tmp_path / "kept"}"',
        )
        path.write_text(path.read_text().replace("dial_attempts = 2\n", ""))
        running = RunningDialer(path)
        await running.start()
        made = {name: str((await running.book(NUMBERS[name])).json()["_id"]) for name in called}
        for callback_id in made.values():
            await running.completed(callback_id)
        assert await running.end() == 0
    for name, callback_id in made.items():
        with sqlite3.connect(tmp_path / "dialer.db") as database:
            [(evidence,)] = database.execute("select evidence from attempt where callback_id = ?", [callback_id])
        stored = json.loads(evidence)
        assert Path(stored["heard"]["file"]) == tmp_path / "kept" / callback_id / "1-heard.wav"
        heard = await asyncio.to_thread(hear_again, path, callback_id)
        assert heard.same, (name, heard.words, heard.result, stored)
        assert heard.words == f"live: {stored['verdict']}, confidence {stored['confidence']:.3f}: the same"
    status, said, complained = await dialer("replay", "--attempt", f"{made['fax']}/1", "-c", path)
    assert status == 0, complained
    assert "live: fax" in said
    assert "the same" in said
    status, _, complained = await dialer("replay", "--attempt", "9-none", "-c", path)
    assert status == 2
    assert "no such attempt" in " ".join(complained.replace("│", " ").split())
