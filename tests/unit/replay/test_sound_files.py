"""Sound files of every kind give the same audio; bad ones say what is wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import replay_sounds as sounds
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.replay.errors import RecordingError
from dialer.replay.leg import BLOCK, Leg, whole_blocks
from dialer.replay.recording import find_recordings, open_recording
from dialer.replay.resample import to_telephone_rate


def heard(leg: Leg) -> np.ndarray:
    return np.concatenate([block.samples for block in leg.blocks()]).astype(float)


def read_all(path: Path) -> list[np.ndarray]:
    return [heard(leg) for leg in open_recording(path)]


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_every_sample_width_gives_the_same_audio(tmp_path: Path, subtype: str) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.tone(1000, 1.3), subtype=subtype)
    [leg] = open_recording(path)
    samples = heard(leg)
    assert len(samples) == round(1.3 * 8000)
    assert np.abs(samples - sounds.tone(1000, 1.3) * 32768).max() < 300


def test_16_bit_at_8_khz_passes_unchanged(tmp_path: Path) -> None:
    original = np.random.default_rng(3).integers(-32768, 32768, 20_000).astype(np.int16)
    path = sounds.write(tmp_path / "a.wav", original)
    assert (heard(open_recording(path)[0]) == original).all()


@pytest.mark.parametrize("rate", [6000, 11025, 16000, 22050, 32000, 44100, 48000, 96000])
def test_every_rate_becomes_8_khz_without_moving_in_time(tmp_path: Path, rate: int) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.tone(1000, 2, rate), rate)
    samples = heard(open_recording(path)[0])
    assert len(samples) == 16_000
    error = samples - sounds.tone(1000, 2) * 32768
    assert np.abs(error[200:-200]).max() < 8


def test_what_lies_above_the_telephone_band_is_not_folded_into_it(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.tone(7000, 1, 16000, 0.5), 16000)
    assert np.abs(heard(open_recording(path)[0])[200:-200]).max() < 20


@given(cuts=st.lists(st.integers(1, 900), min_size=1, max_size=12), rate=st.sampled_from([11025, 16000, 44100]))
@settings(max_examples=15, deadline=None)
def test_resampling_does_not_depend_on_how_the_input_is_cut(cuts: list[int], rate: int) -> None:
    whole = (np.random.default_rng(5).normal(0, 3000, sum(cuts))).astype(np.float32)
    pieces = np.split(whole, np.cumsum(cuts)[:-1])
    together = np.concatenate([*to_telephone_rate([whole], rate)])
    apart = np.concatenate([*to_telephone_rate(pieces, rate)])
    assert (together == apart).all()


@given(lengths=st.lists(st.integers(0, 20_000), max_size=8))
@settings(max_examples=25, deadline=None)
def test_blocks_are_whole_seconds_and_lose_nothing(lengths: list[int]) -> None:
    blocks = list(whole_blocks(np.ones(length, dtype=np.int16) for length in lengths))
    assert sum(len(block.samples) for block in blocks) == sum(lengths)
    assert all(len(block.samples) == BLOCK for block in blocks[:-1])
    assert all(len(block.lost) == -(-len(block.samples) // 160) for block in blocks)


def test_stereo_is_two_legs(tmp_path: Path) -> None:
    both = np.stack([sounds.tone(500, 1), sounds.tone(1500, 1)], axis=1)
    legs = open_recording(sounds.write(tmp_path / "a.wav", both))
    assert [leg.name for leg in legs] == ["left", "right"]
    for leg, freq_hz in zip(legs, (500, 1500), strict=True):
        assert np.argmax(np.abs(np.fft.rfft(heard(leg)))) == freq_hz


def test_a_wav_with_the_extensible_header_is_read(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.tone(700, 0.5), format="WAVEX")
    assert len(heard(open_recording(path)[0])) == 4000


@pytest.mark.parametrize(("suffix", "subtype"), [(".ulaw", "ULAW"), (".alaw", "ALAW")])
def test_bare_g711_is_known_by_its_suffix(tmp_path: Path, suffix: str, subtype: str) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, sounds.tone(700, 0.5), 8000, format="RAW", subtype=subtype)
    assert np.abs(heard(open_recording(path)[0]) - sounds.tone(700, 0.5) * 32768).max() < 300


def test_bare_g711_of_another_name_is_read_when_its_law_is_given(tmp_path: Path) -> None:
    path = tmp_path / "call.bin"
    path.write_bytes(b"\xff" * 800)
    assert (heard(open_recording(path, "ulaw")[0]) == 0).all()


def test_a_file_cut_off_within_its_audio_gives_what_there_is(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", sounds.tone(700, 2))
    path.write_bytes(path.read_bytes()[: 44 + 16_000])
    assert len(heard(open_recording(path)[0])) == 8000


def _nan(path: Path) -> Path:
    samples = sounds.tone(700, 3)
    samples[20_000] = np.nan
    return sounds.write(path, samples, subtype="FLOAT")


def _header_only(path: Path) -> Path:
    return sounds.write(path, np.zeros(0))


def _cut_header(path: Path) -> Path:
    path.write_bytes(sounds.write(path, sounds.tone(700, 1)).read_bytes()[:30])
    return path


def _bytes(content: bytes) -> object:
    def made(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return made


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (_bytes(b""), "empty"),
        (_bytes(b"hello, this is text"), "another kind of file"),
        (_bytes(b"RIFF\x00\x00"), "cannot be read as audio"),
        (_cut_header, "cannot be read as audio"),
        (_header_only, "no audio"),
        (_nan, "no number"),
        (_bytes(b"RIFF" + struct.pack("<I", 40) + b"WAVEfmt " + b"\xff" * 30), "cannot be read as audio"),
        (_bytes(b"\xa1\xb2\xc3\xd4"), "capture"),
    ],
)
def test_a_bad_file_is_refused_with_its_cause(tmp_path: Path, make: object, cause: str) -> None:
    path = make(tmp_path / "bad.wav")  # type: ignore[operator]
    with pytest.raises(RecordingError, match=cause) as refused:
        read_all(path)
    assert refused.value.path == str(path)


def test_a_wrong_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="100 samples a second"):
        open_recording(sounds.write(tmp_path / "a.wav", np.zeros(1000), 100))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="folder"):
        open_recording(tmp_path)
    with pytest.raises(RecordingError, match="does not exist"):
        open_recording(tmp_path / "none.wav")


def test_a_folder_gives_its_recordings_in_order_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.wav", "a.pcap", "deep/c.ulaw", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    names = [str(path.relative_to(tmp_path)) for path in find_recordings([tmp_path])]
    assert names == ["a.pcap", "b.wav", "deep/c.ulaw"]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="without recordings"):
        find_recordings([tmp_path])
