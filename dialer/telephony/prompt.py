"""Sound files as PJMEDIA-ready samples: any PCM, µ-law or A-law WAV becomes int16 at 8 kHz, once per file and process."""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialer.telephony.errors import UnplayableSound

RATE = 8000
MAX_BYTES = 64 * 1024 * 1024
CACHED_SAMPLES = 60 * 60 * RATE  # an hour of sound, 58 MB
FORMAT_PCM, FORMAT_FLOAT, FORMAT_ALAW, FORMAT_ULAW, FORMAT_EXTENSIBLE = 1, 3, 6, 7, 0xFFFE  # RFC 2361


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
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise UnplayableSound(
            path, "is not a WAV file (no RIFF/WAVE header); convert it, e.g. `sox IN -r 8000 -c 1 -b 16 OUT.wav`"
        )
    form: WavFormat | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        chunk = data[at + 8 : at + 8 + size]
        if name == b"fmt " and len(chunk) >= 16:
            code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
            code = struct.unpack_from("<H", chunk, 24)[0] if code == FORMAT_EXTENSIBLE and len(chunk) >= 26 else code
            form = WavFormat(code, channels, rate, bits)
        elif name == b"data":
            if form is None:
                break
            return form, chunk
        at += 8 + size + (size & 1)
    raise UnplayableSound(path, "is cut short: it has no format or no samples")


def _decode(path: Path, form: WavFormat, body: bytes) -> NDArray[np.float64]:
    """Gives samples as float64 [n * channels] in units of int16."""
    if not 1 <= form.channels <= 8 or not 1000 <= form.rate <= 192_000:
        raise UnplayableSound(path, f"{form.channels} channels at {form.rate} Hz cannot be played")
    frame = max(1, form.bits // 8) * form.channels
    body = body[: len(body) // frame * frame]
    match form.code, form.bits:
        case 1, 8:
            return (np.frombuffer(body, np.uint8).astype(np.float64) - 128) * 256
        case 1, 16:
            return np.frombuffer(body, "<i2").astype(np.float64)
        case 1, 24:
            triples = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
            value = (triples[:, 0] << 8 | triples[:, 1] << 16 | triples[:, 2] << 24) >> 8
            return value.astype(np.float64) / 256
        case 1, 32:
            return np.frombuffer(body, "<i4").astype(np.float64) / 65536
        case 3, 32:
            return np.frombuffer(body, "<f4").astype(np.float64) * 32767
        case 7, 8:
            return ULAW[np.frombuffer(body, np.uint8)]
        case 6, 8:
            return ALAW[np.frombuffer(body, np.uint8)]
    raise UnplayableSound(
        path, f"has WAV format {form.code} with {form.bits} bits; 16-bit PCM, G.711 and float can be played"
    )


def _ulaw_table() -> NDArray[np.float64]:
    """ITU-T G.711 µ-law decoding."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float64)


def _alaw_table() -> NDArray[np.float64]:
    """ITU-T G.711 A-law decoding."""
    code = np.arange(256) ^ 0x55
    segment, step = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float64)


ULAW, ALAW = _ulaw_table(), _alaw_table()


def resample(samples: NDArray[np.float64], rate_in: int, rate_out: int) -> NDArray[np.int16]:
    """Changes the rate by a windowed-sinc low-pass and polyphase selection.

    Args:
        samples: float64 [n] in units of int16.

    Returns:
        int16 [n * rate_out / rate_in].
    """
    if rate_in != rate_out and len(samples):
        common = gcd(rate_in, rate_out)
        up, down = rate_out // common, rate_in // common
        samples = _polyphase(samples, up, down)
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def _polyphase(samples: NDArray[np.float64], up: int, down: int) -> NDArray[np.float64]:
    """Each output sample is one dot product with the phase of the filter that it falls into."""
    half = 16 * max(up, down)
    at = np.arange(-half, half + 1)
    taps = np.sinc(at / max(up, down)) * np.hamming(len(at)) * up / max(up, down)
    count = len(samples) * up // down
    out = np.zeros(count)
    position = np.arange(count) * down
    for phase in range(up):
        wanted = position % up == phase
        kernel = taps[phase::up] if phase < len(taps) else taps[:0]
        filtered = np.convolve(samples, kernel)
        shift = (half - phase + up - 1) // up
        index = position[wanted] // up + shift - (1 if (half - phase) % up else 0)
        inside = index < len(filtered)
        out[np.flatnonzero(wanted)[inside]] = filtered[index[inside]]
    return out


class PromptCache:
    """Keeps decoded files, newest use last; a file that changed is read again. Any thread.

    Args:
        make: builds the library's own object from int16 [n].
    """

    def __init__(self, make: Any) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, int], tuple[Any, int]] = OrderedDict()
        self._samples = 0

    def get(self, path: Path) -> tuple[Any, int]:
        """Gives the prompt and its length in samples.

        Raises:
            UnplayableSound: as read_wav.
        """
        try:
            stat = path.stat()
        except OSError as fault:
            raise UnplayableSound(path, fault.strerror or str(fault)) from fault
        key = (str(path), stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        samples = read_wav(path)
        entry = (self._make(samples), len(samples))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = entry
                self._samples += len(samples)
            while self._samples > CACHED_SAMPLES and len(self._kept) > 1:
                self._samples -= self._kept.popitem(last=False)[1][1]
        return entry
