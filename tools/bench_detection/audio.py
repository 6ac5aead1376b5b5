"""The labelled audio as every detector of the benchmark gets it: 8 kHz, 16 bit, one channel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialer.replay.judge import Judged
from dialer.replay.recording import open_recording


def samples_of(file: Path) -> NDArray[np.int16]:
    """All samples of the first leg, int16 [n] at 8 kHz."""
    return np.concatenate([block.samples for block in open_recording(file)[0].blocks()])


def audio_given_s(judged: Sequence[Judged]) -> float:
    """Seconds of audio the bank listened to: replay stops when nothing more can follow."""
    total_s = 0.0
    for each in judged:
        assert each.result is not None
        last = each.result.verdict
        done = last is not None and last.name != "machine"
        total_s += last.at_s if done and last else each.result.duration_s
    return total_s
