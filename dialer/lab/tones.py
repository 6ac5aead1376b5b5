"""Tones of the telephone network, synthesised to their specification: SIT, busy, congestion, ringback, beeps, fax.

Every function returns float64 [n] at 8 kHz in units of the 16 bit sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE = 8000
PEAK_AT_0_DBM0 = 32768 * 10 ** (-3.14 / 20)  # a sine of 0 dBm0 peaks 3.14 dB below full scale (ITU-T G.711)
TONE_DBM0 = -16.0
SIT_DBM0 = -21.0  # 2 dB below the announcement that follows it (generator specification of coded SIT)

SIT_LOW_HZ = (913.8, 1370.6)
SIT_HIGH_HZ = (985.2, 1428.5)
SIT_THIRD_HZ = 1776.7
SIT_SHORT_S = 0.274
SIT_LONG_S = 0.380


@dataclass(frozen=True)
class SitCode:
    """One of the eight North American coded SITs.

    Attributes:
        segments: of the first and second segment, `H` or `L` for the frequency and `s` or `l` for the length.
        verdict: what a detector should call it.
    """

    segments: tuple[str, str]
    verdict: str


SIT_CODES: Mapping[str, SitCode] = {
    "IC": SitCode(("Ls", "Ls"), "sit_intercept"),
    "VC": SitCode(("Hl", "Ls"), "sit_vacant"),
    "RO_LOCAL": SitCode(("Ls", "Hl"), "sit_reorder"),
    "RO_CARRIER": SitCode(("Hs", "Ll"), "sit_reorder"),
    "NC_LOCAL": SitCode(("Hl", "Hl"), "sit_no_circuit"),
    "NC_CARRIER": SitCode(("Ll", "Ll"), "sit_no_circuit"),
    "IO": SitCode(("Ll", "Hs"), "sit_other"),
    "RESERVED": SitCode(("Hs", "Hs"), "sit_other"),
}
"""Source: Bellcore coded special information tones (frequency, length of each segment; the third never varies)."""


def tone(freqs_hz: Sequence[float], seconds: float, dbm0: float = TONE_DBM0) -> Samples:
    """Sines at once, each at this level, switched on and off over 2 ms so that nothing clicks."""
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    wave = np.sum([np.sin(2 * np.pi * freq * t) for freq in freqs_hz], axis=0) * PEAK_AT_0_DBM0 * 10 ** (dbm0 / 20)
    ramp = np.minimum(np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.002 * RATE), 1.0)
    return np.asarray(wave * ramp)


def silence(seconds: float) -> Samples:
    """Digital silence."""
    return np.zeros(round(seconds * RATE))


def cadence(freqs_hz: Sequence[float], on_off_s: Sequence[float], seconds: float, dbm0: float = TONE_DBM0) -> Samples:
    """A tone interrupted in the rhythm on, off, on, off …, of whole periods and at least this long."""
    period = np.concatenate(
        [silence(part) if place % 2 else tone(freqs_hz, part, dbm0) for place, part in enumerate(on_off_s)]
    )
    return np.tile(period, int(np.ceil(seconds * RATE / len(period))))


def busy(seconds: float = 10.0) -> Samples:
    """North American busy tone."""
    return cadence((480, 620), (0.5, 0.5), seconds)


def congestion(seconds: float = 10.0) -> Samples:
    """North American reorder (fast busy) tone."""
    return cadence((480, 620), (0.25, 0.25), seconds)


def ringback(seconds: float = 12.0) -> Samples:
    """North American audible ringing."""
    return cadence((440, 480), (2.0, 4.0), seconds)


def sit(code: str) -> Samples:
    """A coded SIT, by its name in `SIT_CODES`, without gaps."""
    segments = []
    for place, segment in enumerate(SIT_CODES[code].segments):
        freq = (SIT_HIGH_HZ if "H" in segment else SIT_LOW_HZ)[place]
        segments.append(tone([freq], SIT_LONG_S if "l" in segment else SIT_SHORT_S, SIT_DBM0))
    return np.concatenate([*segments, tone([SIT_THIRD_HZ], SIT_LONG_S, SIT_DBM0)])


def sit_itu() -> Samples:
    """The uncoded SIT of ITU-T E.180: 950, 1400, 1800 Hz, 330 ms each."""
    return np.concatenate([tone([freq], 0.330, SIT_DBM0) for freq in (950.0, 1400.0, 1800.0)])


def beep(freq_hz: float = 1000.0, seconds: float = 0.4) -> Samples:
    """A voicemail beep. No standard exists; heard in the field: 440 to 1400 Hz, 0.12 to 1 s."""
    return tone([freq_hz], seconds)


def fax_answer(ced_after_s: float = 1.8, ced_s: float = 3.0) -> Samples:
    """What a called fax says: CED, 75 ms of silence, 1 s of V.21 HDLC flags; it listens 3 s and sends the flags again.

    Source: ITU-T T.30 §4 (CED 1.8 to 2.5 s after the answer, 2.6 to 4.0 s of 2100 Hz; preamble 1 s ± 15 %).
    """
    ced = tone([2100.0], ced_s)
    return np.concatenate([silence(ced_after_s), ced, silence(0.075), hdlc_flags(1.0), silence(3.0), hdlc_flags(1.0)])


def hdlc_flags(seconds: float) -> Samples:
    """HDLC flags (01111110) by V.21 channel 2: 300 bit/s, 1 = 1650 Hz, 0 = 1850 Hz, phase-continuous."""
    bits = np.tile([0, 1, 1, 1, 1, 1, 1, 0], int(np.ceil(seconds * 300 / 8)))
    bit_of_sample = (np.arange(round(seconds * RATE)) * 300 // RATE).astype(int)
    freq_hz = np.where(bits[bit_of_sample] == 1, 1650.0, 1850.0)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(freq_hz) / RATE) * PEAK_AT_0_DBM0 * 10 ** (TONE_DBM0 / 20))
