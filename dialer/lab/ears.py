"""Hearing whether somebody speaks: enough for people who wait politely until they are spoken to."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from dialer.lab.tones import PEAK_AT_0_DBM0
from dialer.telephony import Leg, TapView

POLL_S = 0.04
FRAME = 160  # 20 ms
GATE_DBM0 = -45.0  # well under a quiet talker, well over a silent line
FRAMES_OF_SOUND = 10  # 200 ms in all: a click is nobody


async def somebody_speaks(taps: TapView, leg: Leg, at_most_s: float) -> bool:
    """Waits until 200 ms of sound have come from the other side.

    Returns:
        False when nothing was heard within the time.
    """
    ends = time.monotonic() + at_most_s
    cursor: int | None = None
    row: int | None = None
    loud = 0
    while time.monotonic() < ends:
        await asyncio.sleep(POLL_S)
        if leg.tap_row is None:
            continue
        if row != leg.tap_row:
            row, cursor = leg.tap_row, int(taps.written(leg.tap_row))
            continue
        assert cursor is not None
        heard = taps.read(row, cursor)
        whole = len(heard) // FRAME * FRAME
        cursor += whole
        loud += loud_frames(heard[:whole])
        if loud >= FRAMES_OF_SOUND:
            return True
    return False


def loud_frames(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> int:
    """How many 20 ms frames of int16 [n] are louder than the gate; n is a multiple of 160."""
    frames = samples.reshape(-1, FRAME).astype(np.float64)
    rms_at_gate = PEAK_AT_0_DBM0 / np.sqrt(2) * 10 ** (GATE_DBM0 / 20)
    return int(np.count_nonzero(np.sqrt(np.mean(frames**2, axis=1)) > rms_at_gate))
