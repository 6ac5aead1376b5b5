"""What `SpeechTrack` and `LoneTrack` carry of a channel, and the constants both follow it by."""

from typing import Final

import numpy as np

from dialer.detection.level import RATE_HZ
from dialer.detection.spectrum import BANDS

BREAK_HOPS: Final = 8
"""A gap shorter than 80 ms belongs to the segment it lies in (stop consonants, single lost frames)."""

LOUD_DB: Final = 9.0
"""What lies further under the loudest 10 ms of the talker may be other people talking in the background."""

SMOOTH_ODDS: Final = 0.4
ODDS_LIMIT: Final = 6.0
ON: Final = 0.5
OFF: Final = 0.0
REFRACTORY_HOPS: Final = 9  # between syllable onsets: at most 11 a second
ONSET_DB: Final = 2.0
OPENING_HOPS: Final = 60  # of speech, that count as the opening
SLOW: Final = 0.08  # gain of the slow mean of the level: about 120 ms
RECENT: Final = 0.06  # about 160 ms
RECENT_PITCH: Final = 0.1
VOICED: Final = 0.55
DEEP_DB: Final = 26.0
SHALLOW_DB: Final = 10.0
SHAPE_DB: Final = (-50.0, 10.0)  # of a band against the whole
LOWEST_DBM0: Final = -74.0
AFTER_HOPS: Final = 5  # of a pause that are held for the voice's own end
PAUSE_ODDS: Final = 0.15
EXCESS: Final = 0.2
START_HOPS: Final = 4  # at the beginning, when the line may still click
LINE_HOPS: Final = 60.0  # over which the line before the first word is averaged
QUIET_FROM: Final = 3
QUIET: Final = 0.12

START_ODDS: Final = -4.0
START_PEAK_DBM0: Final = -96.0

_LAGS: Final = 161
LOG2_PITCH: Final = np.log2(RATE_HZ / np.maximum(np.arange(_LAGS), 1.0))
"""Logarithm of the pitch of each lag in samples, up to 50 Hz."""

LOWEST_PITCH_HZ: Final = 50.0

ROW_NAMES: Final = (
    "age", "odds", "speaking", "first_at", "seg_start", "pause", "speech", "segments", "longest", "first_seg",
    "pauses", "pause_sum", "pause_square", "longest_pause", "last_pause", "last_pause_at", "onsets", "since_onset",
    "above_slow", "level", "level_square", "level_peak", "high", "high_square", "low", "voicing", "flat", "change",
    "excess", "voiced", "pitch", "pitch_square", "pitch_time", "time", "time_square", "recent_level", "recent_pitch",
    "recent_voicing", "recent_high", "opening_level", "opening_high", "opening_pitch", "opening_voiced", "slow_level",
    "noise_before", "noise_before_n", "noise_after", "noise_after_n", "digital_after", "pause_odds", "modulation",
    "excess_now", "time_sum", "last_level", "fall", "rise", "deep", "shallow", "before_n", "since_loud",
)  # fmt: skip
"""Rows of one number a channel."""

BANDED: Final = ("shape", "shape_square", "before", "quiet", "floor")
"""Rows of one number a band; they follow those of `ROW_NAMES`."""

ALL_NAMES: Final = (*ROW_NAMES, *(f"{name}{band}" for name in BANDED for band in range(BANDS)))
ROW: Final = {name: number for number, name in enumerate(ALL_NAMES)}
