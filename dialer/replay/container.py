"""WAV (and what else libsndfile opens) as legs: any rate, any number of channels, any sample width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from dialer.replay.errors import RecordingError
from dialer.replay.leg import RATE, Block, Leg, whole_blocks
from dialer.replay.resample import to_int16, to_telephone_rate

LOWEST_RATE, HIGHEST_RATE = 4000, 384_000
"""Hz. Below, the telephone band itself is missing; above, the header is not to be believed."""

MOST_CHANNELS = 64
"""Channels of one file; a header that says more is damaged."""

READ_SECONDS = 2
"""Audio read at once, per pass."""


def legs_of_container(path: Path, **raw: Any) -> list[Leg]:
    """The channels of an audio file as legs.

    Args:
        path: a WAV (PCM of 8, 16, 24, 32 bit, float, A-law, µ-law, GSM, ADPCM, extensible, RF64), AIFF, AU, FLAC or Ogg
            file.
        raw: `format`, `subtype`, `samplerate`, `channels` of a file without a header.

    Raises:
        RecordingError: when the file is not what it says, or holds no audio.
    """
    with _opened(path, raw) as sound:
        rate, channels, frames, coding = sound.samplerate, sound.channels, sound.frames, sound.subtype_info
    if frames == 0:
        raise RecordingError(path, "holds no audio (0 samples)")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise RecordingError(path, f"says {rate} samples a second; telephone audio has 4000 to 384000")
    if channels > MOST_CHANNELS:
        raise RecordingError(path, f"says {channels} channels; at most {MOST_CHANNELS} make sense")
    codec = f"{coding}, {rate} Hz"
    return [
        Leg(
            name=_channel_name(channel, channels),
            codec=codec,
            blocks=lambda channel=channel: _blocks(path, channel, rate, raw),  # type: ignore[misc]
            duration_s=frames / rate,
        )
        for channel in range(channels)
    ]


def _channel_name(channel: int, channels: int) -> str:
    if channels == 1:
        return "mono"
    return ("left", "right")[channel] if channels == 2 else f"channel {channel + 1}"


def _opened(path: Path, raw: dict[str, Any]) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path, **raw)
    except soundfile.LibsndfileError as fault:
        cause = str(fault.error_string).strip().rstrip(".")
        raise RecordingError(path, f"cannot be read as audio: {cause}") from fault


def _blocks(path: Path, channel: int, rate: int, raw: dict[str, Any]) -> Iterator[Block]:
    pieces = _pieces(path, channel, rate, raw)
    if rate == RATE:
        return whole_blocks(to_int16(piece) for piece in pieces)
    return whole_blocks(to_telephone_rate(pieces, rate))


def _pieces(path: Path, channel: int, rate: int, raw: dict[str, Any]) -> Iterator[NDArray[np.float32]]:
    """One channel in units of a 16-bit step, float32; checked to be numbers."""
    with _opened(path, raw) as sound:
        floating = sound.subtype in {"FLOAT", "DOUBLE"}
        position = 0
        while True:
            try:
                frames = sound.read(READ_SECONDS * rate, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as fault:
                raise RecordingError(path, f"is damaged after {position / rate:.3f} s: {fault}") from fault
            if len(frames) == 0:
                return
            piece = frames[:, channel]
            if floating and not np.isfinite(piece).all():
                first = position + int(np.flatnonzero(~np.isfinite(piece))[0])
                raise RecordingError(
                    path, f"holds a sample that is no number (NaN or infinite) at {first / rate:.3f} s"
                )
            yield piece * np.float32(32768.0)
            position += len(frames)
