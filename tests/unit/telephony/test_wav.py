import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.telephony.errors import UnplayableSound
from dialer.telephony.prompt import PromptCache
from dialer.telephony.wav import ALAW, ULAW, read_wav, resample


def write(path, samples, *, rate=8000, channels=1, width=2):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(samples)
    return path


def riff(code, bits, rate, body):
    form = struct.pack("<HHIIHH", code, 1, rate, rate * bits // 8, bits // 8, bits)
    chunks = (
        b"fmt "
        + struct.pack("<I", len(form))
        + form
        + b"LIST\x03\0\0\0abc\0"
        + b"data"
        + struct.pack("<I", len(body))
        + body
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_16_bit_at_8_khz_is_read_to_the_bit(tmp_path):
    samples = np.arange(-500, 500, dtype="<i2")
    assert np.array_equal(read_wav(write(tmp_path / "a.wav", samples.tobytes())), samples)


def test_two_channels_become_their_mean(tmp_path):
    both = np.array([[100, 300], [-200, 0]], "<i2")
    assert read_wav(write(tmp_path / "a.wav", both.tobytes(), channels=2)).tolist() == [200, -100]


@pytest.mark.parametrize(
    ("code", "bits", "body", "wanted"),
    [
        (1, 8, bytes([128, 255, 0]), [0, 32512, -32768]),
        (1, 24, b"\x00\x01\x00\x00\xff\xff", [1, -1]),
        (1, 32, struct.pack("<ii", 65536 * 7, -65536), [7, -1]),
        (3, 32, struct.pack("<ff", 1.0, -0.5), [32767, -16384]),
        (7, 8, b"\xff\x7f\x00\x80", [0, 0, -32124, 32124]),
        (6, 8, b"\xd5\x55\xaa", [8, -8, 32256]),
    ],
)
def test_every_known_format_is_decoded(tmp_path, code, bits, body, wanted):
    (tmp_path / "a.wav").write_bytes(riff(code, bits, 8000, body))
    assert read_wav(tmp_path / "a.wav").tolist() == wanted


def test_g711_tables_are_odd_and_monotonic():
    for table in (ULAW, ALAW):
        assert sorted(table) == sorted(-table)
        assert np.abs(table).max() > 32000


@pytest.mark.parametrize("rate", [11025, 16000, 22050, 44100, 48000])
def test_another_rate_keeps_pitch_length_and_level(rate):
    at = np.arange(rate) / rate
    out = resample(10000 * np.sin(2 * np.pi * 1000 * at), rate, 8000)
    assert len(out) == 8000
    spectrum = np.abs(np.fft.rfft(out[400:-400] * np.hanning(7200)))
    assert spectrum.argmax() * 8000 / 7200 == pytest.approx(1000, abs=2)
    assert np.abs(out[400:-400]).max() == pytest.approx(10000, rel=0.02)


def test_what_8_khz_cannot_carry_is_kept_out():
    at = np.arange(48000) / 48000
    assert np.abs(resample(10000 * np.sin(2 * np.pi * 7000 * at), 48000, 8000)[100:-100]).max() < 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"ID3 this is music", "no RIFF/WAVE header"),
        (b"RIFF\0\0\0\0WAVE", "cut short"),
        (riff(85, 8, 8000, b"xx"), "WAV format 85"),
        (riff(1, 16, 100, b"xx"), "100 Hz cannot be played"),
    ],
)
def test_what_cannot_be_played_says_why(tmp_path, content, words):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UnplayableSound, match=words):
        read_wav(tmp_path / "a.wav")


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(UnplayableSound, match="No such file"):
        read_wav(tmp_path / "none.wav")


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + content)
    try:
        read_wav(path)
    except UnplayableSound as fault:
        assert fault.why  # noqa: PT017 - any other error fails the test


def test_a_file_is_decoded_once_until_it_changes(tmp_path):
    made = []
    cache = PromptCache(lambda samples: made.append(len(samples)) or len(made))
    path = write(tmp_path / "a.wav", bytes(320))
    assert cache.known(path) is None
    assert cache.get(path) == cache.get(path) == cache.known(path) == (1, 160)
    write(path, bytes(640))
    assert cache.get(path) == (2, 320)
    assert made == [160, 320]
