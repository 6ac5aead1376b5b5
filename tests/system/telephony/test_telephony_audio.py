"""What is heard: taps, treatments, loss, digits, codecs."""

from __future__ import annotations

import asyncio
import time
import wave
from dataclasses import replace

import numpy as np
import pytest
from rtp_peer import RtpPeer, ulaw_tone
from telephony_peers import (
    Arrivals,
    receive,
    respond,
    strongest_hz,
    talk,
    until,
    with_gateway,
    write_tone,
)

from dialer.telephony import (
    DialRequest,
    Dtmf,
    FirstRtp,
    Held,
    MediaUp,
    Playlist,
    Retrieved,
    UnplayableSound,
)
from dialer.telephony.tap import FRAME, LOST, NORMAL, SILENCE


async def heard(ua, leg, seconds):
    """What a leg's far end says in the next seconds, int16 [n]."""
    since = ua.taps.written(leg.tap_row)
    await asyncio.sleep(seconds)
    return ua.taps.read(leg.tap_row, since)


@pytest.fixture
async def rtp():
    peer = await RtpPeer.open()
    yield peer
    peer.close()


@pytest.fixture
async def rtp_leg(start, settings, sipp, rtp):
    """A leg answered by SIPp whose audio is in the test's hand."""
    scenario = (
        receive("INVITE") + respond("200 OK", sdp_port=rtp.port) + receive("ACK") + receive("BYE") + respond("200 OK")
    )
    peer = sipp(scenario)
    ua = await start(
        with_gateway(replace(settings, rtp_timeout_s=1.0), uri=f"sip:127.0.0.1:{peer.port}", codecs=("PCMU",))
    )
    leg = await ua.dial(DialRequest("peer", "100"))
    assert await asyncio.wait_for(leg.answered(), 5)
    await until(lambda: rtp.source, what="RTP from us")
    return ua, leg


async def test_early_media_is_tapped_from_its_first_packet(ua, arrivals, tmp_path):
    tone = write_tone(tmp_path / "t.wav", 440, 2)
    leg = await ua.dial(DialRequest("self", "100"))
    far = await arrivals.next()
    await far.play(Playlist([tone]))  # waits for media, so that it starts with the very first packet
    await far.answer(183)
    await until(lambda: leg.tap_row is not None and ua.taps.written(leg.tap_row) - leg.tap_start >= 4000)
    audio = ua.taps.read(leg.tap_row, leg.tap_start)
    assert not leg.is_answered
    assert strongest_hz(audio[-3200:]) == pytest.approx(440, abs=5)
    first = np.flatnonzero(np.abs(audio.astype(int)) > 500)[0]
    flags = ua.taps.take(np.array([leg.tap_row]), np.array([leg.tap_start])).flags[0]
    assert first // FRAME == np.flatnonzero(flags == NORMAL)[0]
    assert leg.timestamps.first_rtp is not None
    await leg.hangup()
    await leg.ended


async def test_first_rtp_is_told_with_the_time_of_the_packet(rtp_leg, rtp):
    _, leg = rtp_leg
    assert leg.timestamps.first_rtp is None
    sent = time.monotonic()
    await rtp.send(ulaw_tone(400, 10))
    await until(lambda: leg.timestamps.first_rtp)
    assert leg.timestamps.first_rtp.mono == pytest.approx(sent, abs=0.03)
    assert any(isinstance(event, FirstRtp) for event in leg._events)


async def test_lost_packets_are_marked_and_only_they(rtp_leg, rtp):
    ua, leg = rtp_leg
    payloads = ulaw_tone(400, 100)
    await rtp.send(payloads[:20])
    since = ua.taps.written(leg.tap_row)
    for place in (30, 45, 46, 60):
        payloads[place] = None
    await rtp.send(payloads[20:])
    block = ua.taps.take(np.array([leg.tap_row]), np.array([since]), 100)
    flags = block.flags[0]
    assert 2 <= np.count_nonzero(flags == LOST) <= 4 + np.count_nonzero(flags == SILENCE)
    assert np.count_nonzero(flags == NORMAL) >= 70
    assert np.array_equal(block.lost[0], flags == LOST)
    await leg.hangup()
    end = await asyncio.wait_for(leg.ended, 5)
    assert end.rtp.rx_lost == 4
    assert end.rtp.rx_packets == 96
    assert end.rtp.loss_pct == 4.0
    assert 3.5 < end.rtp.mos < 4.41


async def test_a_leg_that_loses_rtp_ends_by_the_timeout(rtp_leg, rtp):
    _, leg = rtp_leg
    await rtp.send(ulaw_tone(400, 20))
    end = await asyncio.wait_for(leg.ended, 5)
    assert (end.cause, end.ended_by) == ("rtp_timeout", "us")
    assert end.times.end.mono - end.times.first_rtp.mono < 3


async def test_a_leg_without_any_rtp_is_left_to_its_owner(rtp_leg):
    _, leg = rtp_leg
    await asyncio.sleep(2)
    assert leg.end is None
    assert leg.timestamps.first_rtp is None


async def test_silence_is_sent_while_nobody_speaks(rtp_leg, rtp):
    before = len(rtp.packets)
    await asyncio.sleep(1)
    sent = [data for _, data in rtp.packets[before:]]
    assert 45 <= len(sent) <= 55
    assert all(set(data[12:]) <= {0xFF, 0x7F} for data in sent)


async def test_a_file_is_played_once_and_its_end_is_told(ua, arrivals, tmp_path):
    async with talk(ua, arrivals) as (leg, far):
        recording = far.record(tmp_path / "heard.wav")
        playback = await leg.play(
            Playlist([write_tone(tmp_path / "a.wav", 700, 0.4), write_tone(tmp_path / "b.wav", 1300, 0.4)])
        )
        assert await asyncio.wait_for(playback.finished, 3)
        assert playback.started_at is not None
        await asyncio.sleep(0.15)
        await recording.stop()
        made_up = ua.taps.figures_of(far.tap_row).lost  # on a busy machine the far end's buffer may run dry in between
    with wave.open(str(tmp_path / "heard.wav")) as file:
        audio = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    loud = np.flatnonzero(np.abs(audio) > 500)
    assert (loud[-1] - loud[0]) / 8000 == pytest.approx(0.8, abs=0.005 + 0.02 * made_up)
    assert strongest_hz(audio[loud[0] : loud[0] + 3000]) == pytest.approx(700, abs=5)
    assert strongest_hz(audio[loud[0] + 3300 : loud[0] + 6200]) == pytest.approx(1300, abs=5)


async def test_a_loop_plays_until_stopped_and_is_silent_within_40_ms(ua, arrivals, tmp_path):
    async with talk(ua, arrivals) as (leg, far):
        playback = await leg.play(Playlist([write_tone(tmp_path / "a.wav", 700, 0.1)], loop=True))
        await asyncio.wait_for(playback.started.wait(), 2)
        assert np.abs((await heard(ua, far, 0.5))[-800:]).max() > 5000
        stopped = time.monotonic()
        await playback.stop()
        await asyncio.sleep(0.4)
        row = far.tap_row
        end = ua.taps.written(row)
        audio = ua.taps.read(row, end - 30 * FRAME)
        last_loud = np.flatnonzero(np.abs(audio) > 500)[-1]
        silent_from = ua.taps.frame_time(row, end - 30 * FRAME + last_loud // FRAME * FRAME)
        assert silent_from - stopped < 0.06  # 40 ms to the last frame sent, one more in the far end's clock and buffer
        assert playback.finished.result() is False


async def test_delay_and_longest_duration_hold(ua, arrivals, tmp_path):
    async with talk(ua, arrivals) as (leg, far):
        since = ua.taps.written(far.tap_row)
        begun = time.monotonic()
        tone = write_tone(tmp_path / "a.wav", 700, 0.1)
        playback = await leg.play(Playlist([tone], loop=True, delay_ms=300, max_duration_s=0.5))
        assert await asyncio.wait_for(playback.finished, 3)
        assert playback.started_at - begun == pytest.approx(0.3, abs=0.06)
        await asyncio.sleep(0.2)
        loud = np.flatnonzero(np.abs(ua.taps.read(far.tap_row, since)) > 500)
        assert (loud[-1] - loud[0]) / 8000 == pytest.approx(0.5, abs=0.005)


async def test_a_new_playback_takes_the_place_of_the_old(ua, arrivals, tmp_path):
    async with talk(ua, arrivals) as (leg, far):
        first = await leg.play(Playlist([write_tone(tmp_path / "a.wav", 700, 5)]))
        await asyncio.sleep(0.2)
        second = await leg.play(Playlist([write_tone(tmp_path / "b.wav", 1300, 5)]))
        assert first.finished.result() is False
        await asyncio.sleep(0.2)
        assert strongest_hz(await heard(ua, far, 0.3)) == pytest.approx(1300, abs=5)
    assert second.finished.result() is False


async def test_a_file_that_cannot_be_played_is_an_error_that_names_it(ua, arrivals, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"not a sound")
    async with talk(ua, arrivals) as (leg, _):
        with pytest.raises(UnplayableSound, match=r"bad\.wav"):
            await leg.play(Playlist([tmp_path / "bad.wav"]))
        with pytest.raises(UnplayableSound, match=r"none\.wav"):
            await leg.play(Playlist([tmp_path / "none.wav"]))


@pytest.mark.parametrize("codec", ["PCMA", "G722", "GSM", "opus"])
async def test_every_codec_gives_8_khz_in_the_tap(start, settings, tmp_path, codec):
    ua = await start(with_gateway(settings, uri=settings.gateways["self"].uri, codecs=(codec,)))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals, gateway="peer") as (leg, far):
        assert leg.codec.upper().startswith(codec.upper())
        await leg.play(Playlist([write_tone(tmp_path / "a.wav", 700, 3)]))
        await asyncio.sleep(0.5)
        audio = await heard(ua, far, 1.0)
        assert strongest_hz(audio) == pytest.approx(700, abs=5)  # at another rate it would be another pitch
        assert np.abs(audio).max() == pytest.approx(8000, rel=0.3)


async def test_the_callers_codec_wish_decides(start, settings):
    ua = await start(with_gateway(settings, uri=settings.gateways["self"].uri, codecs=("PCMA", "PCMU")))
    arrivals = Arrivals(ua)
    leg = await ua.dial(DialRequest("peer", "100", codecs=("GSM",)))
    await (await arrivals.next()).answer()
    assert await asyncio.wait_for(leg.answered(), 5)
    assert leg.codec == "GSM/8000"
    await leg.hangup()
    await leg.ended
    async with talk(ua, arrivals, gateway="peer") as (second, _):
        assert second.codec == "PCMA/8000"


async def test_calls_in_and_out_keep_their_own_codecs(start, settings):
    ua = await start(with_gateway(settings, uri=settings.gateways["self"].uri, codecs=("GSM",)))
    arrivals = Arrivals(ua)
    wishes = [("PCMU",), ("G722",), ("GSM",), ("PCMA",)] * 5
    legs = await asyncio.gather(*(ua.dial(DialRequest("peer", "1", codecs=wish)) for wish in wishes))
    for _ in legs:
        await (await arrivals.next()).answer()
    for leg, wish in zip(legs, wishes, strict=True):
        assert await asyncio.wait_for(leg.answered(), 5), leg.end
        assert leg.codec.startswith(wish[0])
        await leg.hangup()


async def test_digits_go_out_by_rfc4733(rtp_leg, rtp):
    _, leg = rtp_leg
    await leg.send_dtmf("12*#")
    await until(lambda: len(rtp.digits()) >= 4, 5)
    assert rtp.digits() == "12*#"


async def test_digits_come_in_by_rfc4733_and_by_info(ua, arrivals):
    async with talk(ua, arrivals) as (leg, far):
        await leg.send_dtmf("19")
        await until(lambda: len([e for e in far._events if isinstance(e, Dtmf)]) == 2)
        await leg.send_dtmf("7", "info")
        await until(lambda: len([e for e in far._events if isinstance(e, Dtmf)]) == 3)
        digits = [(e.digit, e.method) for e in far._events if isinstance(e, Dtmf)]
        assert digits == [("1", "rfc4733"), ("9", "rfc4733"), ("7", "info")]


async def test_hold_and_retrieve_are_told_to_both_ends(ua, arrivals):
    async with talk(ua, arrivals) as (leg, far):
        await leg.hold()
        await until(lambda: any(isinstance(e, Held) and e.by == "us" for e in leg._events))
        await until(lambda: any(isinstance(e, Held) and e.by == "far" for e in far._events))
        await leg.retrieve()
        for party in (leg, far):
            await until(lambda party=party: any(isinstance(e, Retrieved) for e in party._events))
        assert len([e for e in leg._events if isinstance(e, MediaUp)]) == 1


async def test_a_muted_answer_sends_no_rtp(ua, arrivals):
    leg = await ua.dial(DialRequest("self", "100"))
    far = await arrivals.next()
    await far.answer(mute=True)
    assert await asyncio.wait_for(leg.answered(), 5)
    await asyncio.sleep(0.5)
    assert leg.timestamps.first_rtp is None
    assert ua.taps.figures_of(leg.tap_row).normal == 0
    await leg.hangup()
    assert (await asyncio.wait_for(leg.ended, 5)).rtp.rx_packets == 0


async def test_a_reader_that_is_too_slow_learns_what_it_missed(start, settings):
    ua = await start(replace(settings, tap_seconds=0.4))
    arrivals = Arrivals(ua)
    async with talk(ua, arrivals) as (leg, _):
        row = leg.tap_row
        await until(lambda: ua.taps.written(row) - leg.tap_start > ua.taps.capacity + 20 * FRAME)
        block = ua.taps.take(np.array([row]), np.array([leg.tap_start]))
        missed = int(block.cursors[0] - block.counts[0]) - leg.tap_start
        assert missed >= 20 * FRAME
        assert ua.taps.figures_of(row).overrun * FRAME == missed
        assert ua.taps.first(row) > leg.tap_start


async def test_two_readers_do_not_disturb_each_other(ua, arrivals, tmp_path):
    async with talk(ua, arrivals) as (leg, far):
        await far.play(Playlist([write_tone(tmp_path / "a.wav", 500, 3)]))
        await asyncio.sleep(0.3)
        since = ua.taps.written(leg.tap_row)
        await asyncio.sleep(0.5)
        end = ua.taps.written(leg.tap_row)
        whole = ua.taps.read(leg.tap_row, since)[: end - since]
        pieces, cursor = [], np.array([since])
        while int(cursor[0]) < end:
            block = ua.taps.take(np.array([leg.tap_row]), cursor, 3)
            pieces.append(block.samples[0, : block.counts[0]])
            cursor = block.cursors
        assert np.array_equal(np.concatenate(pieces)[: end - since], whole)
