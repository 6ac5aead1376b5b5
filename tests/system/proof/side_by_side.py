"""Lays recordings of both ends of one call side by side: who hears whom, with what delay, from when on, and what else.

Works on the stereo recordings of the lab (left heard, right said, times on the monotonic clock of the machine).
"""

import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import correlate

RATE = 8000
FRAME = 160
WINDOW = 4000  # half a second: long enough to find a voice by its signature, short enough to see the delay change
SURE = 0.7  # a frame or a window is the other's voice when more than half of its power is
SILENT_RMS = 8.0  # less than one step of µ-law around zero


@dataclass
class End:
    """One end: what it heard and said, float64 [n] on one axis that begins at `began_at` (monotonic seconds)."""

    who: str
    began_at: float
    heard: np.ndarray
    said: np.ndarray
    utterances: list[dict]


@dataclass
class Hearing:
    """How one end hears the other.

    Attributes:
        correlation: of what is heard with what was said, at the delays found; 1 = nothing else, undistorted.
        delay_ms: median over half seconds, from the mouth of one to the ear of the other.
        delays_ms: every delay that was found; more than one when a jitter buffer grew or shrank by a frame.
        heard_from: monotonic seconds of the first frame in which the other is heard.
        heard_until: of the last one.
        heard_share: share of the frames between in which the other is heard.
        residual_db: what is heard besides the other, relative to the other, in those frames.
    """

    correlation: float
    delay_ms: float
    delays_ms: tuple[float, ...]
    heard_from: float
    heard_until: float
    heard_share: float
    residual_db: float


def load(path):
    """Reads a recording of the lab and the facts beside it."""
    facts = json.loads(Path(path).with_suffix(".json").read_text())
    with wave.open(str(path)) as file:
        stereo = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2).astype(np.float64)
    return End(facts["who"], facts["began_at"], stereo[:, 0], stereo[:, 1], facts["said"])


def hearing(ear, mouth, *, longest_delay_s=0.5):
    """How `ear` hears `mouth`, over the time in which `mouth` talks to its end.

    Raises:
        AssertionError: when the two have less than a second in common.
    """
    reference = on_axis_of(ear, mouth)
    starts = range(0, len(reference) - WINDOW, WINDOW)
    windows = [start for start in starts if np.any(reference[start : start + WINDOW])]
    found = [best_delay(ear.heard, reference, start, round(longest_delay_s * RATE)) for start in windows]
    sure = [delay for delay, fit in found if fit > SURE]
    assert len(sure) * WINDOW >= RATE, f"{ear.who} never hears {mouth.who} for a whole second: {found}"
    candidates = sorted({delay for start in sure for delay in (start - FRAME, start, start + FRAME) if delay >= 0})
    fits, voices = frame_fits(ear.heard, reference, candidates)
    choice = np.argmax(fits, axis=0)
    frames = np.flatnonzero(np.max(fits, axis=0) > SURE)
    heard = ear.heard[: fits.shape[1] * FRAME].reshape(-1, FRAME)[frames].ravel()
    said = voices[choice[frames], frames].ravel()
    gain = np.dot(heard, said) / np.dot(said, said)
    return Hearing(
        correlation=float(np.corrcoef(heard, said)[0, 1]),
        delay_ms=float(np.median(sure)) * 1000 / RATE,
        delays_ms=tuple(sorted({delay * 1000 / RATE for delay in sure})),
        heard_from=float(ear.began_at + frames[0] * FRAME / RATE),
        heard_until=float(ear.began_at + (frames[-1] + 1) * FRAME / RATE),
        heard_share=len(frames) / (frames[-1] - frames[0] + 1),
        residual_db=float(10 * np.log10(np.sum((heard - gain * said) ** 2) / np.sum((gain * said) ** 2))),
    )


def on_axis_of(ear, mouth):
    """What `mouth` said, [n], on the time axis of `ear`."""
    shift = round((mouth.began_at - ear.began_at) * RATE)
    moved = np.concatenate([np.zeros(max(shift, 0)), mouth.said[max(-shift, 0) :]])
    return np.pad(moved, (0, max(len(ear.heard) - len(moved), 0)))[: len(ear.heard)]


def best_delay(heard, reference, start, longest):
    """Delay in samples at which a window of the reference is found in what was heard, and how well it fits there."""
    piece = reference[start : start + WINDOW]
    area = np.pad(heard[start : start + WINDOW + longest], (0, max(start + WINDOW + longest - len(heard), 0)))
    products = correlate(area, piece, mode="valid")
    energy = np.sqrt(np.maximum(power_sums(area, WINDOW), 1.0) * np.sum(piece**2))
    fits = products / energy
    best = int(np.argmax(fits))
    return best, float(fits[best])


def frame_fits(heard, reference, delays):
    """How well each 20 ms frame of what is heard fits the reference at each delay.

    Returns:
        The fits, [delays, frames], and the delayed reference, [delays, frames, 160].
    """
    n = len(heard) // FRAME
    ear = heard[: n * FRAME].reshape(n, FRAME)
    voices = np.stack(
        [np.concatenate([np.zeros(delay), reference])[: n * FRAME].reshape(n, FRAME) for delay in delays]
    )
    norm = np.sqrt(np.sum(ear**2, axis=1) * np.sum(voices**2, axis=2))
    return np.sum(ear * voices, axis=2) / np.maximum(norm, 1.0), voices


def last_other_sound(ear, before):
    """Monotonic time of the end of the last frame with any sound, before a moment; None when there is none."""
    n = round((before - ear.began_at) * RATE) // FRAME
    frames = ear.heard[: n * FRAME].reshape(n, FRAME)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > SILENT_RMS)
    return None if len(loud) == 0 else ear.began_at + (loud[-1] + 1) * FRAME / RATE


def likeness(heard, sound, window=12000):
    """Greatest normalised correlation of any stretch (1.5 s) of a sound with what was heard, at any place."""
    best = 0.0
    for start in range(0, len(sound) - window, window // 2):
        piece = sound[start : start + window]
        if np.sqrt(np.mean(piece**2)) < SILENT_RMS or len(heard) <= window:
            continue
        products = correlate(heard, piece, mode="valid")
        energy = np.sqrt(np.maximum(power_sums(heard, window), window * 1e2) * np.sum(piece**2))
        best = max(best, float(np.max(np.abs(products) / energy)))
    return best


def power_sums(samples, window):
    """Sum of squares of each stretch of this length."""
    total = np.concatenate([[0.0], np.cumsum(samples**2)])
    return total[window:] - total[:-window]
