"""`kill -9` at random instants of a running batch: nothing that was acknowledged is lost, nobody is called twice."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("STORE_KILLS", "50"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def test_no_callback_is_lost_or_called_twice_when_the_process_is_killed(url, tmp_path):
    batch = Path(__file__).with_name("crash_batch.py")
    run = await asyncio.create_subprocess_exec(
        sys.executable, batch, url, str(KILLS), "20260302", tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, errors = await run.communicate()
    assert run.returncode == 0, errors.decode()[-3000:]
    rounds = [json.loads(line) for line in out.decode().splitlines()]
    assert [fault for one in rounds for fault in one["faults"]] == [], errors.decode()[-3000:]
    assert len(rounds) == KILLS
    assert all(one["killed"] for one in rounds)
    # It was killed in the middle of work, mostly, and each time there was more of it.
    assert sum(one["live"] > 0 for one in rounds) >= KILLS // 3
    assert rounds[-1]["told"] > KILLS * 20
    assert rounds[-1]["callbacks"] > KILLS
    print(f"{KILLS} kills: {rounds[-1]['callbacks']} callbacks, {rounds[-1]['told']} writes acknowledged, none lost")
