"""A stage for tests of whole calls: the dialer in its own process; customer, agents and all others are the test's own.

Everybody sounds a tone of his own, so that who hears whom is seen in what arrives at each.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from dialer_process import RunningDialer

from dialer.telephony import IncomingLeg, Playlist, UserAgent

RATE = 8000
CUSTOMER = "+12025550100"
TONES = {"customer": 500, "7039": 900, "7040": 1500, "9112025550177": 2100}
HOLD_HZ = 3000
SERVICE = """detect = false
record = "on_request"
record_detection = false
agent_reserve_timeout = 4
max_wait_on_call = 6
treatment_waiting_for_agent = "{}"
treatment_find_agent_fail = "{}"
treatment_on_hold = "hold.wav"
[service.second]
family = "v1"
route_point = "8999@Lab"
target = "Patient@Lab.GA"
[media]
treatments_dir = "sounds"
recordings_dir = "recordings"
"""


def write_tone(path: Path, freq_hz: float) -> Path:
    """Two seconds of a tone."""
    path.parent.mkdir(exist_ok=True)
    at = np.arange(2 * RATE) / RATE
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((4000 * np.sin(2 * np.pi * freq_hz * at)).astype("<i2").tobytes())
    return path


def tones_in(samples: np.ndarray) -> set[str]:
    """Whose tones are in int16 [n]."""
    if len(samples) < RATE // 10:
        return set()
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / len(samples)
    freqs = np.fft.rfftfreq(len(samples), 1 / RATE)
    named = {**TONES, "hold": HOLD_HZ}
    return {name for name, freq in named.items() if spectrum[np.abs(freqs - freq) < 12].max() > 60}


class Stage:
    """The dialer in a process of its own; customer, agents and everybody else here."""

    def __init__(self, ua: UserAgent, dialer: RunningDialer, folder: Path) -> None:
        self.ua = ua
        self.dialer = dialer
        self.folder = folder
        self.legs: dict[str, list[IncomingLeg]] = {}
        self.callback_id = ""
        self.silent: set[str] = set()  # who lets it ring
        self.pbx: Any = None  # where there is one between the dialer and all others
        ua.on_incoming = self._take

    async def _take(self, leg: IncomingLeg) -> None:
        name = "customer" if leg.called_number.endswith(CUSTOMER[1:]) else leg.called_number
        self.legs.setdefault(name, []).append(leg)
        await leg.ring()
        if name in self.silent:
            await asyncio.wait({leg.ended})
            return
        await leg.answer()
        await leg.play(Playlist([self.folder / "tones" / f"{name}.wav"], loop=True))
        await asyncio.wait({leg.ended})

    async def talk(self) -> None:
        """Books, and waits until customer and agent 7039 talk."""
        self.callback_id = str((await self.dialer.book(CUSTOMER)).json()["_id"])
        async with asyncio.timeout(15):
            while (await self.dialer.state(self.callback_id))["_callback_state"] != "PROCESSING":  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def leg(self, name: str) -> IncomingLeg:
        """The newest call to somebody."""
        return self.legs[name][-1]

    async def post(self, command: str, **body: object) -> httpx.Response:
        """A command on the call."""
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.post(f"{self.dialer.admin}/agent/calls/{self.callback_id}/{command}", json=body)

    async def say(self, command: str, **body: object) -> dict[str, Any]:
        """A command that is carried out."""
        answer = await self.post(command, **body)
        assert answer.status_code in {200, 202}, answer.text
        return dict(answer.json())

    async def snapshot(self) -> dict[str, Any]:
        """How the talk stands."""
        async with httpx.AsyncClient(timeout=30) as client:
            return dict((await client.get(f"{self.dialer.admin}/agent/calls/{self.callback_id}")).json())

    async def settled(self, limit_s: float = 12) -> dict[str, Any]:
        """Waits until nothing is under way."""
        ends = time.monotonic() + limit_s
        while (found := await self.snapshot()).get("under_way"):
            assert time.monotonic() < ends, found
            await asyncio.sleep(0.05)
        return found

    async def hears(self, name: str, seconds: float = 0.4) -> set[str]:
        """Whose tones reach somebody from now on."""
        await asyncio.sleep(0.3)
        leg = self.leg(name)
        assert leg.tap_row is not None, f"{name} is gone: {leg.end}"
        since = self.ua.taps.written(leg.tap_row)
        await asyncio.sleep(seconds)
        return tones_in(self.ua.taps.read(leg.tap_row, since))

    async def ended(self) -> dict[str, object]:
        """Waits for the callback's end; no leg may be left then."""
        record = await self.dialer.completed(self.callback_id)
        async with asyncio.timeout(8):
            while self.ua.channels.in_use:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        return record

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """Asks the database directly."""
        with sqlite3.connect(self.folder / "dialer.db") as database:
            return database.execute(question).fetchall()

    async def set_ready(self, agent_id: str) -> None:
        """An agent is ready for the next call."""
        async with httpx.AsyncClient(timeout=30) as client:
            await client.post(f"{self.dialer.admin}/agents/{agent_id}/state", json={"state": "READY"})

    async def agent(self, agent_id: str) -> tuple[str, str]:
        """What an agent does, and why."""
        async with httpx.AsyncClient(timeout=30) as client:
            items = (await client.get(f"{self.dialer.admin}/agents")).json()["items"]
        return next((item["state"], item["reason"]) for item in items if item["id"] == agent_id)

    async def agent_states(self) -> dict[str, str]:
        """What every agent does."""
        async with httpx.AsyncClient(timeout=30) as client:
            items = (await client.get(f"{self.dialer.admin}/agents")).json()["items"]
        return {item["id"]: item["state"] for item in items}
