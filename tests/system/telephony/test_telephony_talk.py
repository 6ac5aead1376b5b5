"""Two parties and more: bridges, transfers, replacement."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest
from telephony_peers import Arrivals, strongest_hz, talk, until, write_tone

from dialer.telephony import DialRequest, Playlist, Transferred
from dialer.telephony.tap import FRAME


async def party(ua, arrivals, number, tone=None):
    """An answered call whose far end sounds a tone: (our leg, the far leg)."""
    leg = await ua.dial(DialRequest("self", number))
    far = await arrivals.next()
    await far.answer()
    assert await asyncio.wait_for(leg.answered(), 5)
    await until(lambda: far.is_answered)
    if tone:
        await far.play(Playlist([tone], loop=True))
    return leg, far


async def pitch(ua, leg, seconds=0.3):
    """What a leg's far end sounds like from now on."""
    since = ua.taps.written(leg.tap_row)
    await asyncio.sleep(seconds)
    return strongest_hz(ua.taps.read(leg.tap_row, since))


@pytest.fixture
def low(tmp_path):
    return write_tone(tmp_path / "low.wav", 400, 2)


@pytest.fixture
def high(tmp_path):
    return write_tone(tmp_path / "high.wav", 1200, 2)


async def test_bridged_parties_hear_each_other_and_part_again(ua, arrivals, low, high):
    one, far_one = await party(ua, arrivals, "1", low)
    two, far_two = await party(ua, arrivals, "2", high)
    bridge = await ua.bridge(one, two)
    await asyncio.sleep(0.3)
    assert await pitch(ua, far_one) == pytest.approx(1200, abs=5)
    assert await pitch(ua, far_two) == pytest.approx(400, abs=5)
    await bridge.unbridge()
    assert bridge.ended.done()
    await asyncio.sleep(0.3)
    assert await pitch(ua, far_one) == await pitch(ua, far_two) == 0
    assert one.end is two.end is None


async def test_a_treatment_is_silent_when_the_bridge_speaks_and_the_joint_is_quick(ua, arrivals, low, high):
    one, far_one = await party(ua, arrivals, "1")
    two, _ = await party(ua, arrivals, "2", high)
    playback = await one.play(Playlist([low], loop=True))
    await asyncio.wait_for(playback.started.wait(), 2)
    await asyncio.sleep(0.4)
    joined = time.monotonic()
    bridge = await ua.bridge(one, two)
    assert bridge.joined_at - joined < 0.02
    assert playback.finished.result() is False
    await asyncio.sleep(0.5)
    row, end = far_one.tap_row, ua.taps.written(far_one.tap_row)
    frames = ua.taps.read(row, end - 40 * FRAME).reshape(-1, FRAME)
    times = np.array([ua.taps.frame_time(row, end - (40 - n) * FRAME) for n in range(40)])
    pitches = np.array([strongest_hz(frame) for frame in frames])
    treated = times[(pitches > 300) & (pitches < 500)]
    spoken = times[(pitches > 1100) & (pitches < 1300)]
    assert treated.max() - joined < 0.08  # last treatment frame; two clocks and a jitter buffer lie between
    assert spoken.min() - joined < 0.14


async def test_the_end_of_one_leg_ends_the_bridge_and_leaves_the_other(ua, arrivals, low, high):
    one, far_one = await party(ua, arrivals, "1", low)
    two, far_two = await party(ua, arrivals, "2", high)
    bridge = await ua.bridge(one, two)
    await far_one.hangup()
    await asyncio.wait_for(bridge.ended, 5)
    await asyncio.wait_for(one.ended, 5)
    await asyncio.sleep(0.3)
    assert two.end is None
    assert await pitch(ua, far_two) == 0


async def test_a_bridge_outlives_a_hold(ua, arrivals, low, high):
    one, far_one = await party(ua, arrivals, "1", low)
    two, far_two = await party(ua, arrivals, "2", high)
    await ua.bridge(one, two)
    await one.hold()
    await until(lambda: far_one.facts.held_by == "far")
    await one.retrieve()
    await until(lambda: far_one.facts.held_by is None)
    await asyncio.sleep(0.4)
    assert await pitch(ua, far_two) == pytest.approx(400, abs=5)
    assert await pitch(ua, far_one) == pytest.approx(1200, abs=5)


async def test_a_leg_can_be_bridged_to_another_later(ua, arrivals, low, high, tmp_path):
    one, _ = await party(ua, arrivals, "1", low)
    two, far_two = await party(ua, arrivals, "2", high)
    three, far_three = await party(ua, arrivals, "3", write_tone(tmp_path / "t.wav", 2000, 2))
    await ua.bridge(one, two)
    await ua.bridge(one, three)
    await asyncio.sleep(0.4)
    assert await pitch(ua, far_three) == pytest.approx(400, abs=5)
    assert await pitch(ua, far_two) == 0
    assert three.end is None


async def test_a_blind_transfer_sends_the_far_end_elsewhere(ua, arrivals):
    async with talk(ua, arrivals) as (leg, far):
        transferring = asyncio.create_task(leg.transfer(f"sip:777@127.0.0.1:{ua.udp_port}"))
        third = await arrivals.next()
        assert third.called_number == "777"
        await third.answer()
        assert await asyncio.wait_for(transferring, 5)
        end = await asyncio.wait_for(leg.ended, 5)
        assert (end.cause, end.ended_by) == ("transferred", "us")
        told = [event for event in far._events if isinstance(event, Transferred)]
        assert len(told) == 1
        assert await asyncio.wait_for(told[0].leg.answered(), 5)
        await third.hangup()
        await asyncio.wait_for(told[0].leg.ended, 5)


async def test_a_transfer_that_fails_leaves_the_leg_as_it_was(ua, arrivals):
    async with talk(ua, arrivals) as (leg, _):
        transferring = asyncio.create_task(leg.transfer(f"sip:777@127.0.0.1:{ua.udp_port}"))
        await (await arrivals.next()).reject(486)
        assert not await asyncio.wait_for(transferring, 5)
        assert leg.end is None


async def test_who_is_bridged_stays_so_when_the_other_refers_us_elsewhere(ua, arrivals, low, high):
    one, far_one = await party(ua, arrivals, "1", low)
    two, far_two = await party(ua, arrivals, "2")
    await ua.bridge(one, two)
    transferring = asyncio.create_task(far_two.transfer(f"sip:777@127.0.0.1:{ua.udp_port}"))
    third = await arrivals.next()
    await third.play(Playlist([high], loop=True))
    await third.answer()
    assert await asyncio.wait_for(transferring, 5)
    await asyncio.wait_for(two.ended, 5)
    await asyncio.sleep(0.4)
    assert await pitch(ua, far_one) == pytest.approx(1200, abs=5)
    assert await pitch(ua, third) == pytest.approx(400, abs=5)


async def test_the_new_party_of_a_transfer_goes_with_its_partner(ua, arrivals):
    one, _ = await party(ua, arrivals, "1")
    two, far_two = await party(ua, arrivals, "2")
    await ua.bridge(one, two)
    transferring = asyncio.create_task(far_two.transfer(f"sip:777@127.0.0.1:{ua.udp_port}"))
    third = await arrivals.next()
    await third.answer()
    assert await asyncio.wait_for(transferring, 5)
    await one.hangup()
    assert (await asyncio.wait_for(third.ended, 5)).ended_by == "far"
    await until(lambda: ua.channels.in_use == 0)


async def test_a_party_not_reached_yet_goes_with_its_partner_too(ua, arrivals):
    one, _ = await party(ua, arrivals, "1")
    two, far_two = await party(ua, arrivals, "2")
    await ua.bridge(one, two)
    transferring = asyncio.create_task(far_two.transfer(f"sip:777@127.0.0.1:{ua.udp_port}"))
    third = await arrivals.next()
    await far_two.hangup()
    assert not await asyncio.wait_for(transferring, 5)
    await one.hangup()
    assert (await asyncio.wait_for(third.ended, 5)).ended_by == "far"
    await until(lambda: ua.channels.in_use == 0)


async def test_who_is_not_joined_cannot_have_us_call_somebody(start, settings):
    ua = await start(replace(settings, follow_refer="joined"))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals) as (leg, far):
        assert not await asyncio.wait_for(far.transfer(f"sip:777@127.0.0.1:{ua.udp_port}"), 5)
        assert leg.end is None


async def test_an_attended_transfer_joins_two_far_ends_without_us(ua, arrivals, low, high):
    one, far_one = await party(ua, arrivals, "1", low)
    two, far_two = await party(ua, arrivals, "2", high)
    assert await asyncio.wait_for(one.transfer_attended(two), 5)
    await asyncio.wait_for(asyncio.gather(one.ended, two.ended), 5)
    new_one = next(event.leg for event in far_one._events if isinstance(event, Transferred))
    new_two = next(event.leg for event in far_two._events if isinstance(event, Transferred))
    assert await asyncio.wait_for(new_one.answered(), 5)
    assert await asyncio.wait_for(new_two.answered(), 5)
    assert ua.channels.in_use <= 4
    await new_one.hangup()
    await asyncio.wait_for(asyncio.gather(new_one.ended, new_two.ended), 5)
