"""Three parties and more, digits between them, and what is recorded of them: proven by tones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import wave

import numpy as np
import pytest
from telephony_peers import free_port, until, write_tone

from dialer.telephony import DialRequest, Dtmf, Playlist

TONES = {"customer": 500, "agent": 900, "third": 1500}
RATE = 8000


@pytest.fixture
async def parties(ua, arrivals, tmp_path):
    """Three answered calls whose far ends sound a tone each: {name: (our leg, the far leg)}."""
    found = {}
    for name, freq in TONES.items():
        leg = await ua.dial(DialRequest("self", name))
        far = await arrivals.next()
        await far.answer()
        assert await asyncio.wait_for(leg.answered(), 5)
        await until(lambda far=far: far.is_answered)
        await far.play(Playlist([write_tone(tmp_path / f"{name}.wav", freq, 2, level=4000)], loop=True))
        found[name] = (leg, far)
    return found


def tones_in(samples) -> set[str]:
    """Whose tones are in int16 [n]."""
    if len(samples) < 800:
        return set()
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / len(samples)
    freqs = np.fft.rfftfreq(len(samples), 1 / RATE)
    return {name for name, freq in TONES.items() if spectrum[np.abs(freqs - freq) < 10].max() > 100}


async def heard(ua, far, seconds=0.4) -> set[str]:
    """Whose tones reach a far end from now on."""
    await asyncio.sleep(0.2)
    since = ua.taps.written(far.tap_row)
    await asyncio.sleep(seconds)
    return tones_in(ua.taps.read(far.tap_row, since))


async def test_three_in_a_conference_hear_each_other_and_not_themselves(ua, parties):
    conference = await ua.conference([leg for leg, _ in parties.values()])
    for name, (_, far) in parties.items():
        assert await heard(ua, far) == set(TONES) - {name}
    assert len(conference.legs) == 3
    await conference.end()
    assert conference.ended.done()
    for _, far in parties.values():
        assert await heard(ua, far) == set()


async def test_a_third_party_comes_in_without_a_gap_for_the_two_and_leaves_again(ua, parties):
    customer, agent, third = (parties[name][0] for name in TONES)
    far_agent = parties["agent"][1]
    await ua.bridge(customer, agent)
    await asyncio.sleep(0.3)
    since = ua.taps.written(far_agent.tap_row)
    conference = await ua.conference([customer, agent])
    await conference.add(third)
    await asyncio.sleep(0.4)
    frames = ua.taps.read(far_agent.tap_row, since).reshape(-1, 160).astype(int)
    assert np.abs(frames).max(axis=1).min() > 1000, "the agent hears the customer in every frame"
    assert await heard(ua, far_agent) == {"customer", "third"}
    await conference.remove(third)
    assert await heard(ua, far_agent) == {"customer"}
    assert await heard(ua, parties["third"][1]) == set()
    assert third.end is None
    assert not conference.ended.done()


async def test_who_hangs_up_leaves_the_conference_and_the_others_go_on(ua, parties):
    conference = await ua.conference([leg for leg, _ in parties.values()])
    await parties["agent"][1].hangup()
    await asyncio.wait_for(parties["agent"][0].ended, 5)
    assert await heard(ua, parties["customer"][1]) == {"third"}
    assert len(conference.legs) == 2
    await parties["third"][1].hangup()
    await asyncio.wait_for(conference.ended, 5)
    assert parties["customer"][0].end is None


async def test_digits_pass_between_those_who_are_joined_and_to_nobody_else(ua, parties):
    (customer, far_customer), (agent, far_agent), (_, far_third) = parties.values()
    await ua.bridge(customer, agent)
    assert await far_customer.send_dtmf("15")
    assert await far_agent.send_dtmf("#")
    await until(lambda: digits(far_agent) == "15" and digits(far_customer) == "#")
    assert digits(far_third) == ""


def digits(leg) -> str:
    return "".join(event.digit for event in leg._events if isinstance(event, Dtmf))


def channels(path):
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return samples[:, 0], samples[:, 1]


async def test_a_recording_has_the_customer_left_the_others_right_and_silence_for_the_pause(ua, parties, tmp_path):
    (customer, _), (agent, _), (third, _) = parties.values()
    await asyncio.sleep(0.3)
    recording = customer.record_with([agent], tmp_path / "call.wav")
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(1.0)
    recording.pause()
    await asyncio.sleep(1.0)
    recording.resume()
    await asyncio.sleep(1.0)
    recording.follow([agent, third])
    await asyncio.sleep(1.0)
    recording.follow([third])
    await asyncio.sleep(1.0)
    await recording.stop()
    took = asyncio.get_running_loop().time() - began
    left, right = channels(tmp_path / "call.wav")
    assert len(left) / RATE == pytest.approx(took, abs=0.08)
    spans = [slice(int((n + 0.2) * RATE), int((n + 0.9) * RATE)) for n in range(5)]
    assert [tones_in(left[span]) for span in spans] == [{"customer"}, set(), *[{"customer"}] * 3]
    assert [tones_in(right[span]) for span in spans] == [{"agent"}, set(), {"agent"}, {"agent", "third"}, {"third"}]
    assert not left[spans[1]].any()
    assert not right[spans[1]].any()
    frames = np.abs(left[spans[2].start : spans[4].stop].astype(int)).reshape(-1, 80).max(axis=1)
    assert np.count_nonzero(frames < 1000) <= 2, "no holes"


async def test_both_sides_of_a_recording_keep_together(ua, parties, tmp_path):
    (customer, far_customer), (agent, far_agent), _ = parties.values()
    recording = customer.record_with([agent], tmp_path / "call.wav")
    await asyncio.sleep(0.5)
    await agent.hold()  # media is negotiated anew: the agent's clock starts again
    await asyncio.sleep(0.4)
    await agent.retrieve()
    await until(lambda: far_agent.facts.held_by is None)
    for far in (far_customer, far_agent):
        await far.play(Playlist([write_tone(tmp_path / "click.wav", 700, 0.3)], delay_ms=400))
    await asyncio.sleep(1.2)
    await recording.stop()
    starts = []
    for side in channels(tmp_path / "call.wav"):
        loud = np.abs(side.astype(int)).reshape(-1, 80).max(axis=1) > 6000
        starts.append(int(np.flatnonzero(loud)[0]))
    assert abs(starts[0] - starts[1]) <= 6, f"{starts} steps of 10 ms"


async def test_what_the_detectors_heard_is_recorded_from_the_first_packet_of_early_media(ua, arrivals, tmp_path):
    leg = await ua.dial(DialRequest("self", "early"))
    far = await arrivals.next()
    await far.play(Playlist([write_tone(tmp_path / "t.wav", 440, 3)]))
    await far.answer(183)
    await until(lambda: leg.tap_row is not None and ua.taps.written(leg.tap_row) - leg.tap_start >= 4000)
    recording = leg.record(tmp_path / "heard.wav", from_start=True)
    await asyncio.sleep(0.5)
    row, start = leg.tap_row, leg.tap_start
    tapped = ua.taps.read(row, start)
    await leg.hangup()
    await leg.ended
    await recording.stop()
    with wave.open(str(tmp_path / "heard.wav"), "rb") as file:
        kept = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.array_equal(kept[: len(tapped)], tapped)
    assert len(kept) - len(tapped) < 1600


KILLED = """
import asyncio, sys
from pathlib import Path
from dialer.telephony import *

async def main(port, folder):
    legs = []
    gateway = Gateway("self", f"sip:127.0.0.1:{port}", options_ping_s=0)
    ua = UserAgent(UserAgentSettings(udp_port=port, gateways={"self": gateway}))
    async def take(leg):
        await leg.answer()
        await leg.play(Playlist([Path(folder) / "t.wav"], loop=True))
        await leg.ended
    ua.on_incoming = take
    await ua.start()
    legs = [await ua.dial(DialRequest("self", name)) for name in "ab"]
    for leg in legs:
        await leg.answered()
    legs[0].record_with(legs[1:], Path(folder) / "call.wav")
    await asyncio.sleep(1.5)
    print("now", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
"""


def test_a_recording_survives_a_killed_process(tmp_path):
    write_tone(tmp_path / "t.wav", 440, 2)
    words = [sys.executable, "-c", KILLED, str(free_port()), str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"now\n"
        finally:
            os.kill(process.pid, signal.SIGKILL)
    left, right = channels(tmp_path / "call.wav")
    assert len(left) > RATE
    assert np.abs(left[-RATE // 2 :]).max() > 1000
    assert np.abs(right[-RATE // 2 :]).max() > 1000
