"""Calls of every kind at once, each doing what comes to its mind: nothing may break, and nothing may be left."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import replace

import pytest
from telephony_peers import until, with_gateway, write_tone

from dialer.telephony import DialRequest, Playlist
from dialer.telephony.director import faults

SECONDS = 8
AT_ONCE = 100


class Chaos:
    def __init__(self, ua, tone, seed):
        self.ua = ua
        self.recorded = 0
        self.tone = tone
        self.dice = random.Random(seed)
        self.live = []
        self.ended = 0

    def chance(self, probability):
        return self.dice.random() < probability

    async def pause(self, longest_s):
        await asyncio.sleep(self.dice.random() * longest_s)

    @property
    def address(self):
        return f"sip:{self.dice.randrange(100)}@127.0.0.1:{self.ua.udp_port}"

    async def take(self, leg):
        await self.pause(0.05)
        if self.chance(0.15):
            await leg.reject(self.dice.choice([404, 480, 486, 603]))
            return
        if self.chance(0.05):
            await leg.redirect(self.address)
            return
        for status in (180, 183):
            if self.chance(0.2):
                await leg.answer(status)
                await self.pause(0.3)
        await leg.answer(mute=self.chance(0.1))
        await self.live_on(leg)

    async def call(self):
        request = DialRequest(self.dice.choice(["self", "peer"]), "1", ring_timeout_s=0.4, setup_timeout_s=0.5)
        leg = await self.ua.dial(request)
        if self.chance(0.2):
            await self.pause(0.2)
        elif await leg.answered():
            await self.live_on(leg)
        await leg.hangup()
        await asyncio.wait_for(asyncio.shield(leg.ended), 15)
        self.ended += 1

    async def live_on(self, leg):
        self.live.append(leg)
        for act in (self.play, self.join, self.confer, self.record, self.digits, self.hold, self.transfer):
            if self.chance(0.3):
                await act(leg)
        await asyncio.wait({leg.ended}, timeout=self.dice.random() * 2)
        self.live.remove(leg)
        await leg.hangup()

    async def play(self, leg):
        await leg.play(Playlist([self.tone], loop=self.chance(0.5), delay_ms=self.dice.randrange(100)))

    async def join(self, leg):
        bridge = await self.ua.bridge(leg, self.dice.choice(self.live))
        await self.pause(0.5)
        if self.chance(0.5):
            await bridge.unbridge()

    async def confer(self, leg):
        conference = await self.ua.conference([leg, *(self.dice.choice(self.live) for _ in range(2))])
        await self.pause(0.3)
        await conference.add(self.dice.choice(self.live))
        await self.pause(0.3)
        await conference.remove(self.dice.choice(self.live))
        if self.chance(0.5):
            await conference.end()

    async def record(self, leg):
        self.recorded += 1
        recording = leg.record_with([self.dice.choice(self.live)], self.tone.with_name(f"{self.recorded}.wav"))
        await self.pause(0.3)
        recording.pause()
        recording.follow([self.dice.choice(self.live) for _ in range(2)])
        recording.resume()
        if self.chance(0.5):
            await recording.stop()

    async def digits(self, leg):
        await leg.send_dtmf("12", self.dice.choice(["rfc4733", "info"]))

    async def hold(self, leg):
        await leg.hold()
        await self.pause(0.2)
        await leg.retrieve()

    async def transfer(self, leg):
        if self.chance(0.7):
            await leg.transfer(self.address, timeout_s=3)
        else:
            await leg.transfer_attended(self.dice.choice(self.live), timeout_s=3)


@pytest.mark.slow
async def test_many_calls_that_do_anything_leave_nothing_behind(start, settings, tmp_path):
    faults.clear()
    wide = replace(settings, max_channels=400, tap_rows=450, follow_refer="joined")
    ua = await start(with_gateway(wide, uri=settings.gateways["self"].uri, codecs=("G722",), options_ping_s=0.5))
    chaos = Chaos(ua, write_tone(tmp_path / "t.wav", 500, 1), seed=4733)
    ua.on_incoming = chaos.take
    ends = time.monotonic() + SECONDS
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        while time.monotonic() < ends:
            if ua.channels.in_use < AT_ONCE:
                group.create_task(chaos.call())
            await asyncio.sleep(0.01)
    assert chaos.ended > 50
    with contextlib.suppress(AssertionError):
        await until(lambda: not ua._engine._calls and ua.taps.rows_in_use == 0, 15)
    assert not ua._engine._calls
    assert ua.taps.rows_in_use == 0
    assert ua.channels.in_use == 0
    assert ua._engine.thread.faults == 0
    assert not faults
    assert chaos.recorded > 10
    async with asyncio.timeout(5):
        while any(task.get_name().startswith("recording-") for task in asyncio.all_tasks()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
