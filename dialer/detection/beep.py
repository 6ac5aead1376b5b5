"""Voicemail beeps: which tone segments are one.

No standard exists: 70 ms to 1.5 s, 300 to 3000 Hz, one or several, level steady or decaying, frequency steady or falling.
What tells it from speech is how narrow and straight it is; what tells it from other tones is where it stands.
"""

from typing import Final

from dialer.detection.fax import is_answer_tone, is_bell
from dialer.detection.tone import Segment

FREQ_HZ: Final = (300.0, 3000.0)
LENGTH_S: Final = (0.07, 2.0)
AGAIN_S: Final = 0.45
"""A further beep that starts so soon belongs to the same signal."""

_SURE_S: Final = 0.15
_SPREAD_HZ: Final = 3.0
_FALL_HZ_S: Final = 1500.0


def is_beep(segment: Segment) -> bool:
    """Tell whether a segment is straight and narrow enough for a beep, the more so the shorter it is."""
    if not LENGTH_S[0] <= segment.length_s <= LENGTH_S[1] or not FREQ_HZ[0] <= segment.freq_hz <= FREQ_HZ[1]:
        return False
    if is_answer_tone(segment.freq_hz) or is_bell(segment.freq_hz):
        return False
    short = segment.length_s < _SURE_S
    if segment.purity < (0.93 if short else 0.8):
        return False
    return segment.spread_hz < (1.5 if short else _SPREAD_HZ) and abs(segment.slope_hz_s) < _FALL_HZ_S
