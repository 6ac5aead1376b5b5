"""Sound for benches."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE = 8000
PARTIALS_HZ = (130, 260, 390, 520, 1100, 2300)


def speech_like(path: Path, seconds: int = 10) -> Path:
    """Writes harmonics in syllables with pauses, over a quiet noise: work for every detector."""
    rng = np.random.default_rng(1)
    at = np.arange(seconds * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * freq * at + rng.uniform(0, 6)) / (n + 1) for n, freq in enumerate(PARTIALS_HZ))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * at) + 0.3 * np.sin(2 * np.pi * 0.7 * at), 0, 1)
    samples = (3000 * voice * syllables + rng.normal(0, 30, len(at))).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return path
