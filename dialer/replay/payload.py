"""RTP payloads to samples: G.711, GSM and G.722, and Opus where the capture's SDP names it.

G.711 by table; the others by FFmpeg's decoders through PyAV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray


@dataclass(frozen=True)
class Coding:
    """A coding of speech in RTP.

    Attributes:
        name: as in SDP (RFC 3551 section 6, RFC 7587).
        clock_rate: RTP timestamp units a second.
        rate: samples a second after decoding.
    """

    name: str
    clock_rate: int
    rate: int


PCMU = Coding("PCMU", 8000, 8000)
GSM = Coding("GSM", 8000, 8000)
PCMA = Coding("PCMA", 8000, 8000)
G722 = Coding("G722", 8000, 16000)  # the RTP clock is 8000 by a historic error, RFC 3551 section 4.5.2
OPUS = Coding("opus", 48000, 48000)

STATIC = {0: PCMU, 3: GSM, 8: PCMA, 9: G722}
"""Coding by static payload type, RFC 3551 section 6."""

BY_NAME = {coding.name.upper(): coding for coding in (PCMU, GSM, PCMA, G722, OPUS)}
"""Coding by its name in `a=rtpmap`."""

COMFORT_NOISE = 13
"""Payload type of comfort noise, RFC 3389: the far end is silent, nothing was lost."""

TELEPHONE_EVENT = 101
"""Customary dynamic payload type of telephone events (RFC 4733) where no SDP was captured."""


@lru_cache(maxsize=2)
def g711_table(law: Literal["ulaw", "alaw"]) -> NDArray[np.int16]:
    """Samples of the 256 codes, int16 [256] (ITU-T G.711 tables 1 and 2)."""
    code = np.arange(256)
    if law == "ulaw":
        inverted = ~code & 0xFF
        magnitude = (((inverted & 0x0F) << 3) + 0x84 << ((inverted & 0x70) >> 4)) - 0x84
        negative = (inverted & 0x80) > 0
    else:
        toggled = code ^ 0x55
        exponent = (toggled & 0x70) >> 4
        mantissa = (toggled & 0x0F) << 4
        magnitude = np.where(exponent > 0, mantissa + 0x108 << np.maximum(exponent - 1, 0), mantissa + 8)
        negative = (toggled & 0x80) == 0
    return np.where(negative, -magnitude, magnitude).astype(np.int16)


class Decoder:
    """Decodes the payloads of one stream in order; holds the coding's memory.

    Args:
        coding: what the stream carries.
    """

    def __init__(self, coding: Coding) -> None:
        self.coding = coding
        self._table = {PCMU: g711_table("ulaw"), PCMA: g711_table("alaw")}.get(coding)
        self._context = None if self._table is not None else _context(coding)

    def decode(self, payload: bytes) -> NDArray[np.int16] | None:
        """Samples of a payload, int16 [n] at the coding's rate; None when the payload is damaged."""
        if self._table is not None:
            return self._table[np.frombuffer(payload, dtype=np.uint8)]
        assert self._context is not None
        pieces: list[NDArray[np.int16]] = []
        try:
            for start, end in _packets(self.coding, len(payload)):
                frames = self._context.decode(av.Packet(payload[start:end]))
                pieces.extend(_samples(frame.to_ndarray()) for frame in frames)
        except av.error.FFmpegError:
            return None
        return np.concatenate(pieces) if pieces else None


def _context(coding: Coding) -> AudioCodecContext:
    name = {GSM: "gsm", G722: "g722", OPUS: "opus"}[coding]
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = coding.rate
    context.layout = "mono"
    return context


def _packets(coding: Coding, length: int) -> list[tuple[int, int]]:
    """Where a payload is cut for the decoder: GSM frames of 33 bytes one by one, all else whole."""
    if coding is not GSM:
        return [(0, length)]
    return [(start, start + 33) for start in range(0, length - 32, 33)]


def _samples(planes: NDArray[np.generic]) -> NDArray[np.int16]:
    """First channel of a decoded frame, int16 [n]."""
    first = planes[0]
    scale = 1 if first.dtype == np.int16 else 32768
    samples: NDArray[np.int16] = np.clip(np.rint(first.astype(np.float32) * scale), -32768, 32767).astype(np.int16)
    return samples
