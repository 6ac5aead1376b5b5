"""Agents' events of a running dialer: a real call heard over HTTP, a reader cut off and back, a stop with readers."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration

from dialer.lab import AGENTS, LabProcess

pytestmark = pytest.mark.system

HUMAN = "+12025550100"
AGENT = AGENTS[0].id


@pytest.fixture
async def dialer(tmp_path: Path) -> AsyncIterator[RunningDialer]:
    async with LabProcess() as lab:
        extra = '[mqtt]\nurl = "mqtt://127.0.0.1:9"\n'  # nobody listens there: nothing may wait for it
        made = RunningDialer(configuration(tmp_path, f"sip:{lab.host}:{lab.port}", extra=extra))
        await made.start()
        yield made
        await made.end(signal.SIGKILL)


async def events(lines: AsyncIterator[str], last: str) -> list[tuple[str, str, dict[str, object]]]:
    """Events with number, name and data, up to the first of the name `last`."""
    found, fields = [], {}
    async with asyncio.timeout(40):
        async for line in lines:
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                fields[name] = value
            elif "event" in fields:
                found.append((fields["id"], fields["event"], json.loads(fields["data"])))
                if fields.pop("event") == last:
                    break
    return found


async def test_a_call_is_heard_from_ringing_to_release_and_again_after_a_cut(dialer: RunningDialer) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        async with client.stream("GET", f"{dialer.admin}/agents/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            await dialer.book(HUMAN)
            heard = await events(answer.aiter_lines(), "released")
        names = [name for _, name, _ in heard if name != "state"]
        assert names == ["ringing", "talking", "released"]
        ringing = next(data for _, name, data in heard if name == "ringing")
        assert ringing["number"] == HUMAN
        again = {"Last-Event-ID": heard[0][0]}
        async with client.stream("GET", f"{dialer.admin}/agents/events", headers=again) as answer:
            assert await events(answer.aiter_lines(), "released") == heard[1:]


async def test_a_state_set_over_http_is_heard_by_the_agents_own_reader(dialer: RunningDialer) -> None:
    wanted = {"state": "NOT_READY", "reason": "lunch"}
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", f"{dialer.admin}/agent/events", params={"agent": AGENT}) as answer,
    ):
        await client.post(f"{dialer.admin}/agents/{AGENT}/state", json=wanted)
        [(_, _, data)] = await events(answer.aiter_lines(), "state")
    assert (data["agent"], data["state"], data["old_state"], data["reason"]) == (AGENT, "NOT_READY", "READY", "lunch")


async def test_readers_do_not_keep_the_dialer_from_stopping(dialer: RunningDialer) -> None:
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", f"{dialer.admin}/agents/events") as answer,
    ):
        began = asyncio.get_running_loop().time()
        assert await dialer.end() == 0
        assert asyncio.get_running_loop().time() - began < 10
        assert [line async for line in answer.aiter_lines() if line and not line.startswith(":")] == []
