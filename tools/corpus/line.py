"""The line between the answered telephone and us: level, noise, codec, lost frames, silence suppression, clicks.

Levels are dBm0 with 0 dBm0 = -6.15 dBov (RMS of full scale), as in ITU-T G.711 for a sine of +3.14 dBm0 overload.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import numpy as np

from tools.corpus.source import RATE

DBM0_OF_FULL_SCALE = 6.15
CODECS = ("ulaw", "alaw", "g726-32", "gsm", "opus-nb")
FRAME = 160


@dataclass(frozen=True)
class Line:
    """How one call sounds on its way; all drawn from a seed by :func:`draw_line`."""

    codec: str
    level_dbm0: float
    noise_dbm0: float
    noise_kind: str
    background_snr_db: float | None
    loss_pct: float
    loss_kind: str
    suppressed: bool
    click: bool
    tilt: float


def draw_line(rng: np.random.Generator, *, quiet: bool = False, street: bool = False) -> Line:
    """A random line: levels -16 to -40 dBm0, five codecs, noise, loss in 30 % of the calls."""
    level = float(rng.choice([-17.0, -20.0, -24.0, -29.0, -34.0, -39.0], p=[0.15, 0.25, 0.12, 0.22, 0.06, 0.2]))
    noisy = street or rng.random() < 0.4
    snr = (float(rng.choice([5, 8, 10, 12, 15])) if street else float(rng.choice([10, 15, 20, 25]))) if noisy else None
    loss = float(rng.choice([1, 2, 3, 5])) if rng.random() < 0.3 else 0.0
    return Line(
        codec=str(rng.choice(CODECS, p=[0.36, 0.22, 0.14, 0.14, 0.14])),
        level_dbm0=(-39.0 if quiet else level) + float(rng.uniform(-1, 1)),
        noise_dbm0=float(rng.uniform(-73, -60)),
        noise_kind=str(rng.choice(["white", "pink", "hum"], p=[0.5, 0.4, 0.1])),
        background_snr_db=snr,
        loss_pct=loss,
        loss_kind=str(rng.choice(["zero", "repeat"])),
        suppressed=bool(rng.random() < 0.07),
        click=bool(rng.random() < 0.33),
        tilt=float(rng.uniform(-0.45, 0.45)),
    )


def active_level_dbm0(samples: np.ndarray) -> float:
    """Level of the active 20 ms frames (those within 20 dB of the loudest), in the manner of ITU-T P.56."""
    frames = samples[: max(samples.size // FRAME, 1) * FRAME].reshape(-1, min(FRAME, samples.size)).astype(np.float64)
    power = np.mean(frames**2, axis=1)
    active = power[power > power.max() * 1e-2]
    return float(10 * np.log10(active.mean() + 1e-15)) + DBM0_OF_FULL_SCALE


def to_level(samples: np.ndarray, level_dbm0: float) -> np.ndarray:
    """Scales to an active level."""
    gain = 10 ** ((level_dbm0 - active_level_dbm0(samples)) / 20)
    return (samples * np.float32(gain)).astype(np.float32)


def noise(rng: np.random.Generator, size: int, kind: str, level_dbm0: float) -> np.ndarray:
    """Line noise of an RMS level: ``white``, ``pink`` (-3 dB an octave) or ``hum`` (50 Hz and harmonics, some hiss)."""
    white = rng.standard_normal(size)
    if kind == "pink":
        spectrum = np.fft.rfft(white)
        white = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(spectrum.size), 20.0)), size)
    elif kind == "hum":
        t = np.arange(size) / RATE
        white = 0.15 * white + sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in (1, 2, 3, 5, 7))
    white *= 10 ** ((level_dbm0 - DBM0_OF_FULL_SCALE) / 20) / np.sqrt(np.mean(white**2))
    return white.astype(np.float32)


def tilted(samples: np.ndarray, tilt: float) -> np.ndarray:
    """A handset's first-order slope: positive ``tilt`` darkens, negative brightens."""
    out = samples.copy()
    out[1:] += np.float32(tilt) * samples[:-1]
    return out


def through(codec: str, samples: np.ndarray) -> np.ndarray:
    """Codes and decodes; gives int16 of the same length, delays of the codec taken out by the decoder."""
    pcm = np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2")
    if codec in {"ulaw", "alaw"}:
        return _g711(pcm, codec)
    options, container = {
        "g726-32": (["-c:a", "g726", "-b:a", "32k"], "wav"),
        "gsm": (["-c:a", "libgsm"], "gsm"),
        "opus-nb": (["-c:a", "libopus", "-b:a", "12k", "-application", "voip"], "ogg"),
    }[codec]
    raw = ["-f", "s16le", "-ar", str(RATE), "-ac", "1"]
    coded = _run(["ffmpeg", "-v", "error", *raw, "-i", "-", *options, "-f", container, "-"], pcm.tobytes())
    plain = _run(["ffmpeg", "-v", "error", "-f", container, "-i", "-", *raw, "-"], coded)
    out = np.frombuffer(plain, "<i2")[: pcm.size]
    return np.pad(out, (0, pcm.size - out.size))


def _run(command: list[str], data: bytes) -> bytes:
    return subprocess.run(command, input=data, check=True, capture_output=True, timeout=120).stdout


def _g711(pcm: np.ndarray, law: str) -> np.ndarray:
    """G.711 by its defining segments (ITU-T G.711 tables 1a and 2a), vectorised."""
    x = pcm.astype(np.int32)
    sign, mag = np.where(x < 0, -1, 1), np.abs(x)
    if law == "ulaw":
        mag = np.minimum(mag, 32635) + 132
        exponent = np.floor(np.log2(mag)).astype(np.int32) - 7
        step = mag >> (exponent + 3)
        value = ((step << 3) + 4 << exponent) - 132
    else:
        mag = np.minimum(mag, 32767)
        exponent = np.maximum(np.floor(np.log2(np.maximum(mag, 1))).astype(np.int32) - 7, 1)
        value = ((mag >> (exponent + 3)) << (exponent + 3)) + (1 << (exponent + 2))
    return (sign * value).astype(np.int16)


def lose(rng: np.random.Generator, pcm: np.ndarray, percent: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Loses 20 ms frames; gives the audio heard and the mask of lost frames (bool [n // 160])."""
    out = pcm.copy()
    lost = rng.random(pcm.size // FRAME) < percent / 100
    for frame in np.flatnonzero(lost):
        start = frame * FRAME
        out[start : start + FRAME] = out[start - FRAME : start] if kind == "repeat" and frame else 0
    return out, lost


def suppress(pcm: np.ndarray, speech: np.ndarray, hangover: int = RATE // 5) -> np.ndarray:
    """Silence suppression without comfort noise: digital zeros wherever ``speech`` (bool [n]) has been off."""
    reach = np.convolve(speech.astype(np.float32), np.ones(hangover, np.float32))[: speech.size] > 0.5
    return np.where(reach, pcm, 0).astype(np.int16)
