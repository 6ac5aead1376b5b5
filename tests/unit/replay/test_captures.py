"""Captures give back the audio that was sent, know what was lost, and refuse what they do not hold."""

from __future__ import annotations

import struct
from pathlib import Path

import dpkt
import numpy as np
import pytest
import replay_sounds as sounds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialer.replay.errors import RecordingError
from dialer.replay.leg import Leg
from dialer.replay.packets import datagram_of_frame
from dialer.replay.payload import g711_table
from dialer.replay.recording import open_recording
from dialer.replay.rtp import Disorder, Packet, in_order, parse

A, B = ("10.0.0.1", 4000), ("10.0.0.2", 5000)
CODES = np.random.default_rng(7).integers(0, 256, 100 * 160).astype(np.uint8)


def call(payload_type: int = 0, size: int = 160, count: int = 100, first: int = 65_500) -> list[tuple[float, bytes]]:
    """Frames of one stream; sequence numbers and timestamps run over."""
    packets = [
        sounds.rtp_packet(first + k, 2**32 - 800 + 160 * k, CODES[k * size : (k + 1) * size].tobytes(), payload_type)
        for k in range(count)
    ]
    return [(1000 + 0.02 * k, sounds.ethernet_udp(packet, A, B)) for k, packet in enumerate(packets)]


def heard(leg: Leg) -> tuple[np.ndarray, np.ndarray]:
    blocks = list(leg.blocks())
    return np.concatenate([b.samples for b in blocks]), np.concatenate([b.lost for b in blocks])


@pytest.mark.parametrize(("payload_type", "law"), [(0, "ulaw"), (8, "alaw")])
def test_g711_comes_back_to_the_bit(tmp_path: Path, payload_type: int, law: str) -> None:
    [leg] = open_recording(sounds.write_pcap(tmp_path / "a.pcap", call(payload_type)))
    samples, lost = heard(leg)
    assert (samples == g711_table(law)[CODES]).all()
    assert not lost.any()
    assert leg.notes == ()


def test_pcapng_is_read_like_pcap(tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    with path.open("wb") as file:
        writer = dpkt.pcapng.Writer(file)
        for at_s, frame in call():
            writer.writepkt(frame, ts=at_s)
    samples, lost = heard(open_recording(path)[0])
    assert (samples == g711_table("ulaw")[CODES]).all()
    assert not lost.any()


@pytest.mark.parametrize(
    ("link", "header"),
    [
        (113, b"\0" * 14 + b"\x08\x00"),
        (276, b"\x08\x00" + b"\0" * 18),
        (101, b""),
        (0, b"\x02\0\0\0"),
        (1, b"\0" * 12 + b"\x81\0\0\x07\x08\0"),
    ],
    ids=["Linux cooked", "Linux cooked 2", "raw IP", "loopback", "VLAN"],
)
def test_other_link_layers_are_seen_through(tmp_path: Path, link: int, header: bytes) -> None:
    frames = [(at_s, header + frame[14:]) for at_s, frame in call()]
    samples, _ = heard(open_recording(sounds.write_pcap(tmp_path / "a.pcap", frames, link))[0])
    assert (samples == g711_table("ulaw")[CODES]).all()


def test_lost_packets_leave_marked_frames_in_place(tmp_path: Path) -> None:
    frames = call()
    kept = [frame for k, frame in enumerate(frames) if k not in {10, 11, 60}]
    samples, lost = heard(open_recording(sounds.write_pcap(tmp_path / "a.pcap", kept))[0])
    assert np.flatnonzero(lost).tolist() == [10, 11, 60]
    expected = g711_table("ulaw")[CODES].copy()
    for k in (10, 11, 60):
        expected[160 * k : 160 * (k + 1)] = 0
    assert (samples == expected).all()


def test_reordered_and_repeated_packets_change_nothing(tmp_path: Path) -> None:
    frames = call()
    frames[20], frames[23] = frames[23], frames[20]
    frames.insert(50, frames[48])
    [leg] = open_recording(sounds.write_pcap(tmp_path / "a.pcap", frames))
    samples, lost = heard(leg)
    assert (samples == g711_table("ulaw")[CODES]).all()
    assert not lost.any()
    assert "1 duplicated" in leg.notes[0]
    assert "reordered" in leg.notes[0]


def test_suppressed_silence_is_silence_and_not_loss(tmp_path: Path) -> None:
    frames = call(count=50)
    later = [
        (
            1003 + 0.02 * k,
            sounds.ethernet_udp(sounds.rtp_packet(65_550 + k, 2**32 - 800 + 24_000 + 160 * k, b"\x7f" * 160), A, B),
        )
        for k in range(20)
    ]
    samples, lost = heard(open_recording(sounds.write_pcap(tmp_path / "a.pcap", frames + later))[0])
    assert len(samples) == 24_000 + 20 * 160
    assert not samples[8000:24_000].any()
    assert not lost.any()


def test_both_directions_are_two_legs(tmp_path: Path) -> None:
    back = [
        (at + 0.001, sounds.ethernet_udp(sounds.rtp_packet(k, 160 * k, b"\xff" * 160, 0, 9), B, A))
        for k, (at, _) in enumerate(call())
    ]
    legs = open_recording(sounds.write_pcap(tmp_path / "a.pcap", [*call(), *back]))
    assert [leg.name[:30] for leg in legs] == ["10.0.0.1:4000 to 10.0.0.2:5000", "10.0.0.2:5000 to 10.0.0.1:4000"]


@pytest.mark.parametrize(("payload_type", "size", "name"), [(3, 33, "GSM"), (9, 160, "G722")])
def test_gsm_and_g722_are_decoded(tmp_path: Path, payload_type: int, size: int, name: str) -> None:
    [leg] = open_recording(sounds.write_pcap(tmp_path / "a.pcap", call(payload_type, size)))
    samples, lost = heard(leg)
    assert leg.codec == f"RTP {name}"
    assert len(samples) == 100 * 160
    assert np.abs(samples.astype(int)).max() > 100
    assert not lost.any()


def test_key_presses_are_reported_and_not_heard(tmp_path: Path) -> None:
    frames = call(count=80)
    for k in range(30, 36):
        event = struct.pack("!BBH", 5, 10, 160 * (k - 29))
        packet = sounds.rtp_packet(65_500 + k, 2**32 - 800 + 160 * 30, event, 101)
        frames[k] = (frames[k][0], sounds.ethernet_udp(packet, A, B))
    [leg] = open_recording(sounds.write_pcap(tmp_path / "a.pcap", frames))
    samples, lost = heard(leg)
    assert leg.notes == ("key presses (RFC 4733): 5",)
    assert len(samples) == 80 * 160
    assert not samples[30 * 160 : 36 * 160].any()
    assert not lost.any()


def test_the_answer_is_read_from_the_signalling(tmp_path: Path) -> None:
    description = b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
    ok = b"SIP/2.0 200 OK\r\nCall-ID: abc\r\nCSeq: 1 INVITE\r\n\r\n" + description
    frames = [*call(), (1000.7, sounds.ethernet_udp(ok, ("10.0.0.1", 5060), ("10.0.0.2", 5060)))]
    [leg] = open_recording(sounds.write_pcap(tmp_path / "a.pcap", sorted(frames)))
    assert leg.answered_at_s == pytest.approx(0.7)


def test_a_dynamic_type_is_decoded_when_sdp_names_it(tmp_path: Path) -> None:
    description = b"c=IN IP4 10.0.0.2\r\nm=audio 5000 RTP/AVP 107\r\na=rtpmap:107 PCMA/8000\r\n"
    invite = b"INVITE sip:b@10.0.0.1 SIP/2.0\r\nCall-ID: abc\r\nCSeq: 1 INVITE\r\n\r\n" + description
    frames = [(999.0, sounds.ethernet_udp(invite, B, A)), *call(107)]
    samples, _ = heard(open_recording(sounds.write_pcap(tmp_path / "a.pcap", frames))[0])
    assert (samples == g711_table("alaw")[CODES]).all()


def test_encrypted_audio_is_refused_by_name(tmp_path: Path) -> None:
    description = b"c=IN IP4 10.0.0.2\r\nm=audio 5000 RTP/SAVP 0\r\n"
    invite = b"INVITE sip:b@10.0.0.1 SIP/2.0\r\nCall-ID: abc\r\nCSeq: 1 INVITE\r\n\r\n" + description
    frames = [(999.0, sounds.ethernet_udp(invite, B, A)), *call()]
    with pytest.raises(RecordingError, match="SRTP"):
        open_recording(sounds.write_pcap(tmp_path / "a.pcap", frames))


def test_a_type_nobody_named_is_refused_by_number(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="payload types 111"):
        open_recording(sounds.write_pcap(tmp_path / "a.pcap", call(111)))


def test_a_capture_without_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no RTP stream"):
        open_recording(sounds.write_pcap(tmp_path / "a.pcap", []))


def test_a_capture_cut_off_gives_what_there_is_and_says_so(tmp_path: Path) -> None:
    path = sounds.write_pcap(tmp_path / "a.pcap", call())
    path.write_bytes(path.read_bytes()[:-100])
    [leg] = open_recording(path)
    samples, _ = heard(leg)
    assert len(samples) >= 99 * 160
    assert any("cut off" in note for note in leg.notes)


def test_an_unknown_link_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="link type 147"):
        open_recording(sounds.write_pcap(tmp_path / "a.pcap", call(), link=147))


@given(damage=st.lists(st.tuples(st.integers(24, 5000), st.integers(0, 255)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_capture_gives_audio_or_a_clear_refusal(tmp_path: Path, damage: list[tuple[int, int]]) -> None:
    path = sounds.write_pcap(tmp_path / "a.pcap", call(count=40))
    content = bytearray(path.read_bytes())
    for place, value in damage:
        content[place] = value
    path.write_bytes(content)
    refusal, samples = "", 0
    try:
        samples = sum(len(block.samples) for leg in open_recording(path) for block in leg.blocks())
    except RecordingError as refused:
        refusal = refused.cause
    assert refusal or 0 < samples <= 40 * 3600 * 8000


@given(data=st.binary(max_size=80), link=st.sampled_from([0, 1, 101, 113, 276]))
def test_any_bytes_are_a_datagram_or_nothing(data: bytes, link: int) -> None:
    datagram = datagram_of_frame(0.0, data, link)
    if datagram is not None:
        parse(0.0, datagram.payload)
        assert len(datagram.source) in {6, 18}


@given(order=st.permutations(range(12)), repeated=st.lists(st.integers(0, 11), max_size=4))
def test_packets_within_reach_come_out_in_order(order: list[int], repeated: list[int]) -> None:
    packets = [Packet(0.0, (65_530 + k) & 0xFFFF, 0, 0, 0, bytes([k])) for k in [*order, *repeated]]
    disorder = Disorder()
    out = [placed.packet.payload[0] for placed in in_order(packets, disorder)]
    assert out == list(range(12))
    assert disorder.duplicated == len(repeated)
    assert disorder.lost == 0
