"""Reads sound files: PCM, µ-law, A-law or float WAV of any rate becomes int16 at 8 kHz, one channel."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialer.telephony.errors import UnplayableSound

RATE = 8000
MAX_BYTES = 64 * 1024 * 1024
EXTENSIBLE = 0xFFFE  # WAVE_FORMAT_EXTENSIBLE: the code proper is the first word of SubFormat
HINT = "convert it, e.g. `sox IN -r 8000 -c 1 -b 16 OUT.wav`"
ZERO_CROSSINGS = 16  # of the sinc on each side
CHUNK = 8192  # output samples computed at once


@dataclass(frozen=True, slots=True)
class WavFormat:
    """The fmt chunk of a WAV file."""

    code: int
    channels: int
    rate: int
    bits: int


def read_wav(path: Path) -> NDArray[np.int16]:
    """Reads a WAV file.

    Returns:
        int16 [n], 8 kHz, channels mixed to one.

    Raises:
        UnplayableSound: when it is missing, too large, or no WAV file of a known format.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnplayableSound(path, f"larger than {MAX_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as fault:
        raise UnplayableSound(path, fault.strerror or str(fault)) from fault
    form, body = _chunks(path, data)
    samples = _decode(path, form, body)
    mono = samples.reshape(-1, form.channels).mean(axis=1) if form.channels > 1 else samples
    return resample(mono, form.rate, RATE)


def _chunks(path: Path, data: bytes) -> tuple[WavFormat, bytes]:
    """Finds the format and the samples."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise UnplayableSound(path, f"is not a WAV file (no RIFF/WAVE header); {HINT}")
    form: WavFormat | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        chunk = data[at + 8 : at + 8 + size]
        if name == b"fmt " and len(chunk) >= 16:
            form = _format(chunk)
        elif name == b"data" and form is not None:
            return form, chunk
        at += 8 + size + (size & 1)
    raise UnplayableSound(path, f"is cut short: it has no format or no samples; {HINT}")


def _format(chunk: bytes) -> WavFormat:
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]
    return WavFormat(code, channels, rate, bits)


def _decode(path: Path, form: WavFormat, body: bytes) -> NDArray[np.float64]:
    """Gives samples as float64 [n * channels] in units of int16."""
    decoder = DECODERS.get((form.code, form.bits))
    if decoder is None:
        raise UnplayableSound(path, f"has WAV format {form.code} with {form.bits} bits; {HINT}")
    if not 1 <= form.channels <= 8 or not 1000 <= form.rate <= 192_000:
        raise UnplayableSound(path, f"{form.channels} channels at {form.rate} Hz cannot be played; {HINT}")
    frame = form.bits // 8 * form.channels
    return decoder(body[: len(body) // frame * frame])


def _pcm24(body: bytes) -> NDArray[np.float64]:
    triples = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
    return ((triples[:, 0] << 8 | triples[:, 1] << 16 | triples[:, 2] << 24) >> 8) / 256.0


def _ulaw_table() -> NDArray[np.float64]:
    """Decoding of G.711 µ-law (ITU-T G.711 table 2), in units of int16."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float64)


def _alaw_table() -> NDArray[np.float64]:
    """Decoding of G.711 A-law (ITU-T G.711 table 1), in units of int16."""
    code = np.arange(256) ^ 0x55
    segment, step = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float64)


ULAW, ALAW = _ulaw_table(), _alaw_table()

DECODERS: dict[tuple[int, int], Callable[[bytes], NDArray[Any]]] = {
    (1, 8): lambda body: (np.frombuffer(body, np.uint8) - 128.0) * 256,
    (1, 16): lambda body: np.frombuffer(body, "<i2").astype(np.float64),
    (1, 24): _pcm24,
    (1, 32): lambda body: np.frombuffer(body, "<i4") / 65536.0,
    (3, 32): lambda body: np.frombuffer(body, "<f4") * 32767.0,
    (6, 8): lambda body: ALAW[np.frombuffer(body, np.uint8)],
    (7, 8): lambda body: ULAW[np.frombuffer(body, np.uint8)],
}
"""By WAV format code (RFC 2361: 1 PCM, 3 float, 6 A-law, 7 µ-law) and bits per sample."""


def resample(samples: NDArray[np.float64], rate_in: int, rate_out: int) -> NDArray[np.int16]:
    """Changes the rate by a windowed sinc that also keeps out what the new rate cannot carry.

    Args:
        samples: float64 [n] in units of int16.
        rate_in: of the samples, Hz.
        rate_out: wanted, Hz.

    Returns:
        int16 [n * rate_out / rate_in], rounded and clipped.
    """
    if rate_in != rate_out:
        count = len(samples) * rate_out // rate_in
        parts = [_at(samples, rate_in / rate_out, start, min(count, start + CHUNK)) for start in range(0, count, CHUNK)]
        samples = np.concatenate(parts) if parts else samples[:0]
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def _at(samples: NDArray[np.float64], step: float, first: int, end: int) -> NDArray[np.float64]:
    """Gives the output samples first to end; `step` input samples lie between two of them."""
    cutoff = min(1.0, 1.0 / step)
    reach = ceil(ZERO_CROSSINGS / cutoff)
    centre = np.arange(first, end) * step
    index = np.floor(centre).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    distance = index - centre[:, None]
    window = np.where(np.abs(distance) <= reach, 0.54 + 0.46 * np.cos(np.pi * distance / reach), 0.0)
    weight = np.sinc(cutoff * distance) * window
    inside = (index >= 0) & (index < len(samples))
    heard = np.where(inside, samples[np.clip(index, 0, len(samples) - 1)], 0.0)
    result: NDArray[np.float64] = (weight * heard).sum(axis=1) / weight.sum(axis=1)
    return result
