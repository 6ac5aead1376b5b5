"""Voicemail beeps: which tone segments are one.

No standard exists: 70 ms to 2 s, 300 to 3000 Hz, one or several, level steady or decaying, frequency steady or
falling. A beep is switched on and off, straight, narrow and stands alone; a vowel has one or two of these, hardly
ever all. Each property gives points, measured on beeps and on speech through all codecs; the sum decides.
"""

from typing import Final

from dialer.detection.fax import is_answer_tone, is_bell
from dialer.detection.tone import Segment

FREQ_HZ: Final = (300.0, 3000.0)
LENGTH_S: Final = (0.07, 2.2)
AGAIN_S: Final = 0.45
"""A further beep that starts so soon belongs to the same signal."""

SURE: Final = 8.0
"""Points that make a beep where it ends the wait for a person."""

LIKELY: Final = 7.0
"""Points that make a beep where a machine has been speaking."""

MUSICAL: Final = 12.5
"""Points that make a beep where music is playing: its notes are straight and narrow too."""

NOTE: Final = 5.0
"""Points that make a note, as hardly a vowel has: one true beep in thirty came within 5 s of one, music has several."""

NOTES: Final = 4
"""Notes remembered."""

A_NOTE: Final = 2.0
"""Points that a beep must have more for each note before it."""

_NOTE_S: Final = 5.0
_SAME_HZ: Final = 15.0

_Steps = tuple[tuple[float, float], ...]
_RISE_S: Final[_Steps] = ((0.012, 2.0), (0.018, 1.0), (0.03, 0.0), (1e9, -2.0))
_SPREAD_HZ: Final[_Steps] = ((0.6, 2.0), (1.5, 1.0), (3.5, 0.0), (9.0, -1.0), (1e9, -3.0))
_DRIFT_HZ: Final[_Steps] = ((2.0, 3.0), (6.0, 1.5), (20.0, -0.5), (1e9, -1.5))
_AFTER_DB: Final[_Steps] = ((-8.0, 1.0), (-2.0, 0.0), (1e9, -2.0))
_BEFORE_DB: Final[_Steps] = ((-5.0, 1.0), (0.0, 0.0), (1e9, -1.0))
_IMPURITY: Final[_Steps] = ((0.03, 2.0), (0.12, 1.0), (0.25, 0.0), (1e9, -1.0))
_LENGTH_POINTS: Final[_Steps] = ((0.09, -3.5), (0.11, -1.5), (0.14, -0.5), (0.25, 0.0), (0.4, 1.0), (1e9, 2.0))
_LEVEL_SPREAD_DB: Final[_Steps] = ((0.3, 1.0), (1.5, 0.0), (1e9, -1.0))
_FAINT_DB: Final = 14.0  # under the talker
_FAINT_POINTS: Final = -2.5
_LOW_POINTS: Final[_Steps] = ((400.0, -2.5), (480.0, -1.5), (1e9, 0.0))  # where the fundamentals of voices lie


def _points(steps: _Steps, value: float) -> float:
    return next(points for limit, points in steps if value < limit)


def points(segment: Segment) -> float:
    """Say how much of a beep a segment has: true ones have 4 to 16, speech has seldom more than 5."""
    if not LENGTH_S[0] <= segment.length_s <= LENGTH_S[1] or not FREQ_HZ[0] <= segment.freq_hz <= FREQ_HZ[1]:
        return -9.0
    if is_answer_tone(segment.freq_hz) or is_bell(segment.freq_hz):
        return -9.0
    share = segment.hops / (segment.length_s * 100 + 1.5)  # of its hops that were tonal
    return (
        _points(_RISE_S, segment.rise_s)
        + _points(_RISE_S, segment.fall_s)
        + _points(_SPREAD_HZ, segment.spread_hz)
        + _points(_DRIFT_HZ, abs(segment.slope_hz_s) * segment.length_s)
        + (1.0 if 0.85 <= share <= 1.2 else -2.0)
        + _points(_AFTER_DB, segment.after_db)
        + _points(_BEFORE_DB, segment.before_db)
        + _points(_IMPURITY, 1 - segment.purity)
        + _points(_LENGTH_POINTS, segment.length_s)
        + _points(_LEVEL_SPREAD_DB, segment.level_spread_db)
        + (_FAINT_POINTS if segment.below_db > _FAINT_DB else 0.0)
        + _points(_LOW_POINTS, segment.freq_hz)
    )


def is_another_note(note: Segment, segment: Segment) -> bool:
    """Tell whether an earlier segment is a note of its own, lately, and not the first half of the same signal."""
    gap_s = segment.start_s - note.end_s
    same = abs(note.freq_hz - segment.freq_hz) < _SAME_HZ and gap_s <= AGAIN_S
    return gap_s <= _NOTE_S and not same
