"""Fax and modem: what a called machine's tones are.

Source: ITU-T T.30 (CNG 1100 Hz 0.5 s on 3 s off, CED 2100 Hz 2.6-4 s), V.8 (ANSam: 2100 Hz, 15 Hz amplitude
modulation), V.25 (phase reversals each 450 ms), V.21 channel 2 (1650 Hz mark, 1850 Hz space, 300 bit/s, HDLC flags
for 1 s), Bell 212A (2225 Hz answer tone).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dialer.detection.level import RATE_HZ
from dialer.detection.tone import Segment

ANSWER_HZ: Final = (2075.0, 2125.0)
ANSWER_HOPS: Final = 52
"""Hops of an answer tone that make it one: the first reversal of phase, 0.45 s from its start, is heard by then."""

LOOK_HOPS: Final = 12
"""Hops between looks at its envelope and its phase, 128 ms back each."""

BELL_HZ: Final = (2205.0, 2245.0)
BELL_HOPS: Final = 45
CNG_HZ: Final = (1060.0, 1140.0)
CNG_S: Final = (0.42, 0.58)
CNG_PERIOD_S: Final = (2.8, 4.2)

V21_HOPS: Final = 14
"""Hops of energy in the V.21 band before its flags are looked for: the 128 ms window is full."""

V21_SCORE: Final = 0.72

_ENVELOPE: Final = 64  # samples of the envelope's box
_TURN_GAP: Final = 8  # samples between the boxes before and after a turn of phase
_REVERSED: Final = 0.9  # cosine: within 26 degrees of 180
_APART_S: Final = 0.1
_SWING_HZ: Final = 15.0
_MODULATED: Final = 0.1  # half of what V.8 asks for

_BIT: Final = RATE_HZ / 300.0
_BOX: Final = 27
_MARK_HZ: Final = 1650.0
_SPACE_HZ: Final = 1850.0


def is_answer_tone(freq_hz: float) -> bool:
    """Tell whether this is the answer tone of fax machines and modems (CED, ANS, ANSam)."""
    return ANSWER_HZ[0] <= freq_hz <= ANSWER_HZ[1]


class AnswerTone:
    """What an answer tone does besides sounding: its modulation (ANSam) and its reversals of phase (/ANS)."""

    __slots__ = ("_envelope", "_until", "reversals_s")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the tone before."""
        self._envelope: list[tuple[int, NDArray[np.float64]]] = []
        self._until = 0
        self.reversals_s: list[float] = []

    def listen(self, samples: NDArray[np.int16], end: int, freq_hz: float) -> None:
        """Look at the last 128 ms.

        Args:
            samples: int16 [1024].
            end: sample of the channel's clock at which they end.
            freq_hz: of the tone.
        """
        at = np.arange(end - len(samples), end)
        total = np.concatenate(([0], np.cumsum(samples * np.exp(-2j * np.pi * freq_hz / RATE_HZ * at))))
        level = total[_ENVELOPE:] - total[:-_ENVELOPE]
        self._envelope.append((end - len(samples) + _ENVELOPE // 2, np.abs(level)))
        turn = level[_ENVELOPE + _TURN_GAP :] * level[: -_ENVELOPE - _TURN_GAP].conj()
        middle = end - len(samples) + _ENVELOPE + _TURN_GAP // 2
        sharpest = int(np.argmin(turn.real / (np.abs(turn) + 1e-9)))
        if turn[sharpest].real < -_REVERSED * abs(turn[sharpest]):
            self._reverse((middle + sharpest) / RATE_HZ)

    def _reverse(self, at_s: float) -> None:
        if not self.reversals_s or at_s - self.reversals_s[-1] > _APART_S:
            self.reversals_s.append(at_s)

    @property
    def modulation(self) -> float:
        """How much the envelope swings at 15 Hz, against its mean: 0.2 for ANSam."""
        if not self._envelope:
            return 0.0
        values = np.concatenate([part for _, part in self._envelope])
        at = np.concatenate([start + np.arange(len(part)) for start, part in self._envelope])
        swing = values / max(float(values.mean()), 1e-9) - 1.0
        return 2 * abs(complex((swing * np.exp(-2j * np.pi * _SWING_HZ / RATE_HZ * at)).mean()))

    @property
    def name(self) -> str:
        """What V.8 and V.25 call it: ANS, /ANS, ANSam or /ANSam; a fax machine's CED is ANS."""
        return ("/" if self.reversals_s else "") + ("ANSam" if self.modulation >= _MODULATED else "ANS")


def is_bell(freq_hz: float) -> bool:
    """Tell whether this is the Bell answer tone."""
    return BELL_HZ[0] <= freq_hz <= BELL_HZ[1]


def is_cng(segment: Segment) -> bool:
    """Tell whether this segment is one calling tone of a fax machine."""
    flat = segment.spread_hz < 4.0 and abs(segment.slope_hz_s) < 30.0 and segment.level_spread_db < 2.0
    return CNG_HZ[0] <= segment.freq_hz <= CNG_HZ[1] and CNG_S[0] <= segment.length_s <= CNG_S[1] and flat


def _templates() -> NDArray[np.float64]:
    """Give the discriminator's output for a run of flags, one row per phase, zero mean and unit norm, [213, 998]."""
    flag = np.array([-1.0, 1, 1, 1, 1, 1, 1, -1])
    length = 1024 - _BOX + 1
    at = np.arange(214 + length + _BOX)
    bits = flag[(at / _BIT).astype(int) % 8]
    total = np.concatenate(([0.0], np.cumsum(bits)))
    smooth = (total[_BOX:] - total[:-_BOX]) / _BOX
    rows = np.stack([smooth[phase : phase + length] for phase in range(0, 214, 2)])
    rows -= rows.mean(axis=1, keepdims=True)
    normed: NDArray[np.float64] = rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return normed


_TEMPLATES: Final = _templates()
_TURN_MARK: Final = np.exp(-2j * np.pi * _MARK_HZ / RATE_HZ * np.arange(1024))
_TURN_SPACE: Final = np.exp(-2j * np.pi * _SPACE_HZ / RATE_HZ * np.arange(1024))


def flag_score(samples: NDArray[np.int16]) -> float:
    """Say how much 128 ms sound like V.21 flags: correlation of the mark-space discriminator with 0x7E 0x7E ..., -1..1.

    Args:
        samples: int16 [1024].
    """
    mark, space = _box(samples * _TURN_MARK), _box(samples * _TURN_SPACE)
    sum_ = mark + space
    if float(sum_.max()) <= 0.0:
        return 0.0
    seen = (mark - space) / (sum_ + sum_.mean() * 0.05)
    seen -= seen.mean()
    norm = float(np.sqrt((seen * seen).sum()))
    return float((_TEMPLATES * seen).sum(axis=1).max()) / norm if norm > 0 else 0.0


def _box(turned: NDArray[np.complex128]) -> NDArray[np.float64]:
    total = np.concatenate(([0], np.cumsum(turned)))
    part = total[_BOX:] - total[:-_BOX]
    power: NDArray[np.float64] = part.real**2 + part.imag**2
    return power
