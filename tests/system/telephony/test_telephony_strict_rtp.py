"""Whose RTP is taken: the far end's, whoever else sends to the port of a call."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from rtp_peer import RtpPeer, ulaw_tone
from telephony_peers import receive, respond, strongest_hz, until, with_gateway

from dialer.telephony import DialRequest

FAR_HZ, STRANGER_HZ = 400, 1200


@pytest.fixture
async def far():
    peer = await RtpPeer.open()
    yield peer
    peer.close()


@pytest.fixture
async def strangers():
    peers = [await RtpPeer.open() for _ in range(3)]
    yield peers
    for peer in peers:
        peer.close()


@pytest.fixture
async def leg_and_ua(start, settings, sipp, far):
    """A leg whose far end announced the port of `far`; the port that it has here is known from what it sends."""
    scenario = (
        receive("INVITE") + respond("200 OK", sdp_port=far.port) + receive("ACK") + receive("BYE") + respond("200 OK")
    )
    peer = sipp(scenario)
    ua = await start(with_gateway(replace(settings), uri=f"sip:127.0.0.1:{peer.port}", codecs=("PCMU",)))
    leg = await ua.dial(DialRequest("peer", "100"))
    assert await asyncio.wait_for(leg.answered(), 5)
    await until(lambda: far.source, what="RTP from us")
    return leg, ua


def aim(strangers, far):
    """Points the strangers at the call, each with a sequence of its own."""
    for place, stranger in enumerate(strangers):
        stranger.source, stranger.sequence = far.source, 9000 * (place + 1)


async def test_calls_of_a_dead_run_that_still_send_to_the_port_do_not_silence_the_new_one(leg_and_ua, far, strangers):
    leg, ua = leg_and_ua
    aim(strangers, far)
    sending = [asyncio.create_task(stranger.send(ulaw_tone(STRANGER_HZ, 100))) for stranger in strangers]
    await asyncio.sleep(0.4)  # they are there first, and longer than it takes to be learned
    await far.send(ulaw_tone(FAR_HZ, 60))
    audio = ua.taps.read(leg.tap_row, ua.taps.written(leg.tap_row) - 4000)
    await asyncio.gather(*sending)
    assert strongest_hz(audio) == pytest.approx(FAR_HZ, abs=8)
    await leg.hangup()
    end = await asyncio.wait_for(leg.ended, 5)
    assert end.rtp.foreign >= 150
    assert end.rtp.rx_packets == pytest.approx(60, abs=3)


async def test_a_stranger_cannot_put_itself_in_the_place_of_the_far_end(leg_and_ua, far, strangers):
    leg, ua = leg_and_ua
    await far.send(ulaw_tone(FAR_HZ, 10))
    aim(strangers, far)
    since = ua.taps.written(leg.tap_row) + 1600
    await strangers[0].send(ulaw_tone(STRANGER_HZ, 60))
    assert not np.any(np.abs(ua.taps.read(leg.tap_row, since).astype(int)) > 500)
    assert strangers[0].packets == []  # and what we say does not go to it
    await asyncio.sleep(0.2)  # the last packet may still lie unread in the socket
    await leg.hangup()
    assert (await asyncio.wait_for(leg.ended, 5)).rtp.foreign == 60


async def test_a_far_end_that_sends_from_another_port_than_it_announced_is_learned(leg_and_ua, far, strangers):
    leg, ua = leg_and_ua
    aim(strangers, far)
    await strangers[0].send(ulaw_tone(STRANGER_HZ, 60))
    assert strongest_hz(ua.taps.read(leg.tap_row, ua.taps.written(leg.tap_row) - 3200)) == pytest.approx(
        STRANGER_HZ, abs=8
    )
    await until(lambda: strangers[0].packets, what="our RTP at where the far end sends from")
    await leg.hangup()
    await leg.ended
