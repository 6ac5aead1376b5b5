"""Talks at which customers, agents and guests hang up at any moment while commands of every kind are given."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from dialer_process import RunningDialer, configuration

from dialer.lab import AGENTS
from dialer.telephony import IncomingLeg, UserAgent, UserAgentSettings

pytestmark = pytest.mark.system

SECONDS = 25
CUSTOMERS = 12
DESKS = tuple(agent for agent in AGENTS if agent.group == "Desk")
SERVICE = """detect = false
record = "always"
agent_reserve_timeout = 2
max_wait_on_call = 4
max_transfer_attempts = 2
treatment_waiting_for_agent = "{}"
treatment_find_agent_fail = "{}"
"""


class Chaos:
    """Answers, refuses and hangs up as it likes, and commands talks at random."""

    def __init__(self, ua: UserAgent, dialer: RunningDialer, seed: int) -> None:
        self.ua = ua
        self.dialer = dialer
        self.dice = random.Random(seed)
        self.answers: dict[int, int] = {}
        self.over = False
        self.client = httpx.AsyncClient(timeout=30)
        ua.on_incoming = self.take

    async def take(self, leg: IncomingLeg) -> None:
        """Rings, answers (mostly), stays a while."""
        await leg.ring()
        if self.dice.random() < 0.15:
            await asyncio.wait({leg.ended}, timeout=self.dice.random() * 3)
            await leg.hangup(486)
            return
        await asyncio.sleep(self.dice.random() * 0.3)
        await leg.answer()
        if self.over:
            await leg.hangup()
        await asyncio.wait({leg.ended}, timeout=self.dice.random() * 6)
        await leg.hangup()

    async def customer(self, number: str) -> None:
        """Calls back again and again, each time with commands while it lasts."""
        while not self.over:
            booked = await self.client.post(self.dialer.url, data={"_customer_number": number})
            callback_id = str(booked.json()["_id"])
            while await self.lives(callback_id):
                await asyncio.sleep(self.dice.random() * 0.4)
                await self.command(callback_id)

    async def lives(self, callback_id: str) -> bool:
        """Whether a callback is still open."""
        [found] = (await self.client.get(self.dialer.url, params={"_id": callback_id})).json()
        return found["_callback_state"] != "COMPLETED"

    async def command(self, callback_id: str) -> None:
        """Any command; the answer must be one that says what is the matter."""
        desk = self.dice.choice(DESKS).id
        target = self.dice.choice([desk, "test", "Desk@Lab.GA", "+12025550177", ""])
        name, body = self.dice.choice(
            [
                ("hold", {}),
                ("retrieve", {}),
                ("transfer", {"target": target, "attended": self.dice.random() < 0.5}),
                ("conference", {"target": target}),
                ("record", {"state": self.dice.choice(["on", "pause", "off"])}),
                ("dtmf", {"digits": "12#"}),
                ("hangup", {"party": self.dice.choice([desk, "+12025550177", "+12025550177", ""])}),
            ]
        )
        answer = await self.client.post(f"{self.dialer.admin}/agent/calls/{callback_id}/{name}", json=body)
        self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1


@pytest.fixture
async def chaos(tmp_path: Path) -> AsyncIterator[Chaos]:
    ua = UserAgent(UserAgentSettings(udp_port=0, rtp_port_range=(42000, 43999), max_channels=200))
    await ua.start()
    try:
        path = configuration(
            tmp_path, f"sip:127.0.0.1:{ua.udp_port}", service=SERVICE,
            extra=f'[media]\nrecordings_dir = "{tmp_path / "kept"}"',
        )  # fmt: skip
        dialer = RunningDialer(path)
        await dialer.start()
        made = Chaos(ua, dialer, seed=71)
        yield made
        await made.client.aclose()
        assert await dialer.end() == 0
        assert "Traceback" not in dialer.log.read_text(), dialer.log.read_text()[-4000:]
    finally:
        await ua.stop()


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_whatever_is_commanded_and_whoever_hangs_up_no_leg_and_no_agent_is_left(
    chaos: Chaos, tmp_path: Path
) -> None:
    numbers = [f"+120255501{n:02d}" for n in range(CUSTOMERS)]
    tasks = [asyncio.create_task(chaos.customer(number)) for number in numbers]
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        await asyncio.sleep(0.5)
        for agent in DESKS:  # those whose phones were not answered come back
            await chaos.client.post(f"{chaos.dialer.admin}/agents/{agent.id}/state", json={"state": "READY"})
    chaos.over = True
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks)
    assert set(chaos.answers) <= {200, 202, 409}, chaos.answers
    assert chaos.answers[200] > 30
    assert chaos.answers[202] > 10
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while chaos.ua.channels.in_use:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
    assert chaos.ua.channels.in_use == 0
    metrics = (await chaos.client.get(f"{chaos.dialer.ops}/metrics")).text
    agents = (await chaos.client.get(f"{chaos.dialer.admin}/agents")).json()["items"]
    assert "\nsip_calls_active 0.0" in metrics
    assert {agent["state"] for agent in agents} <= {"READY", "NOT_READY"}
