"""Composes tone calls: every tone of every country, SIT code, fax and modem signal, on every kind of line.

The tones come from the product's own tone plans (``dialer/detection/country``) so that a country added there is
tested here. SIT codes: Bellcore (GR-674 as read in w4zt.com/freqs/sit.html) and ITU-T E.180; fax and modem: T.30,
V.8, V.21, V.25.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from tools.corpus.line import Line, draw_line, lose, noise, through, to_level
from tools.corpus.source import RATE

LOW1, HIGH1, LOW2, HIGH2, THIRD = 913.8, 985.2, 1370.6, 1428.5, 1776.7
SHORT, LONG = 0.274, 0.380
SIT_CODES: dict[str, tuple[str, tuple[float, float], tuple[float, float]]] = {
    "IC": ("sit_intercept", (LOW1, SHORT), (LOW2, SHORT)),
    "VC": ("sit_vacant", (HIGH1, LONG), (LOW2, SHORT)),
    "RO local": ("sit_reorder", (LOW1, SHORT), (HIGH2, LONG)),
    "RO interlata": ("sit_reorder", (HIGH1, SHORT), (LOW2, LONG)),
    "NC local": ("sit_no_circuit", (HIGH1, LONG), (HIGH2, LONG)),
    "NC interlata": ("sit_no_circuit", (LOW1, LONG), (LOW2, LONG)),
    "IO": ("sit_other", (LOW1, LONG), (HIGH2, SHORT)),
    "reserved": ("sit_other", (HIGH1, SHORT), (HIGH2, SHORT)),
}
ITU_FIRST = (950.0, 900.0)
LEVELS_DBM0 = (-8.0, -15.0, -22.0, -29.0, -36.0, -42.0)
SNR_DB = (None, 30.0, 20.0, 15.0)
SPEEDS = (1.0, 0.995, 1.005)


@dataclass(frozen=True)
class Burst:
    """Frequencies (none: silence) and how long, in s."""

    freqs_hz: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class ToneKind:
    """One thing to be sent.

    Attributes:
        name: For the note.
        verdict: What the detector is to say.
        country: Tone plan, or "US" where none applies.
        phase: ``early`` or ``answered``.
        bursts: Bursts in order; sounded over and over for ``repeat_s``.
        signal: Name of a modem signal instead of bursts, or "".
        repeat_s: How long the bursts go on; 0: once.
    """

    name: str
    verdict: str
    country: str
    phase: str
    bursts: tuple[Burst, ...]
    signal: str = ""
    repeat_s: float = 0.0


def kinds() -> list[ToneKind]:
    """All tones, in a fixed order."""
    return [*_country_tones(), *_sits(), *_signals()]


def _country_tones() -> Iterator[ToneKind]:
    for path in sorted(files("dialer.detection.country").iterdir(), key=lambda p: p.name):
        if not path.name.endswith(".toml"):
            continue
        plan = tomllib.loads(path.read_text())
        for tone in plan["tone"]:
            if tone["verdict"] in {"busy", "congestion", "ringback", "nu_tone"}:
                yield ToneKind(tone["name"], tone["verdict"], plan["country"], "early", _bursts(tone), repeat_s=12.0)


def _bursts(tone: dict[str, Any]) -> tuple[Burst, ...]:
    freqs, cadence = tone["frequencies_hz"], tone["cadence_s"] or [12.0]
    turns = freqs if isinstance(freqs[0], list) else [freqs]
    return tuple(
        Burst(tuple(turns[(n // 2) % len(turns)]) if n % 2 == 0 else (), seconds) for n, seconds in enumerate(cadence)
    )


def _sits() -> Iterator[ToneKind]:
    for name, (verdict, first, second) in SIT_CODES.items():
        yield ToneKind(
            f"SIT {name}", verdict, "US", "early", tuple(Burst((f,), s) for f, s in (first, second, (THIRD, LONG)))
        )
    for first in ITU_FIRST:
        for gap in (0.0, 0.015, 0.03):
            steps = []
            for freq in (first, 1400.0, 1800.0):
                steps += [Burst((freq,), 0.33), Burst((), gap)]
            yield ToneKind(f"SIT ITU {first:.0f} gap {gap * 1000:.0f} ms", "sit", "GB", "early", tuple(steps))


def _signals() -> Iterator[ToneKind]:
    for signal, verdict in (
        ("CED V.21", "fax"),
        ("ANSam", "fax"),
        ("/ANSam", "fax"),
        ("V.21", "fax"),
        ("CNG", "fax"),
        ("Bell", "modem"),
    ):
        yield ToneKind(signal, verdict, "US", "answered", (), signal=signal)


@dataclass(frozen=True)
class ToneCall:
    """A composed tone call: what was sent, over which line, and what arrived."""

    kind: ToneKind
    line: Line
    snr_db: float | None
    onset_s: float
    end_s: float
    samples: np.ndarray
    note: str


def compose(number: int, seed: int) -> ToneCall:
    """Call ``number``: its tone by turns, everything else drawn from the seed."""
    rng = np.random.default_rng([seed, number, 7])
    every = kinds()
    kind = every[number % len(every)]
    line = draw_line(rng)
    level, snr = float(rng.choice(LEVELS_DBM0)), SNR_DB[int(rng.integers(len(SNR_DB)))]
    speed, freq = float(rng.choice(SPEEDS)), 1 + float(rng.uniform(-0.002, 0.002))
    dry = _signal(rng, kind.signal) if kind.signal else _sound(rng, kind, speed, freq)
    begin = 0
    if kind.repeat_s and rng.random() < 0.4:
        begin = int(rng.integers(RATE))
        dry = dry[begin:]
    lead = float(rng.uniform(0.1, 1.5)) if kind.phase == "answered" or rng.random() < 0.5 else 0.05
    tail = 0.3 if kind.repeat_s else 2.0
    total = np.concatenate(
        [np.zeros(int(lead * RATE), np.float32), to_level(dry, level), np.zeros(int(tail * RATE), np.float32)]
    )
    total = total + noise(rng, total.size, line.noise_kind, min(line.noise_dbm0, level - 20))
    if snr is not None:
        total = total + noise(rng, total.size, "pink", level - snr)
    pcm = through(line.codec, np.clip(total, -1, 1))
    heard = lose(rng, pcm, line.loss_pct, line.loss_kind)[0] if line.loss_pct else pcm
    note = f"{kind.name}; speed {speed:g}" + ("; starts inside the cadence" if begin else "")
    return ToneCall(kind, line_at(line, level), snr, lead, lead + dry.size / RATE, heard, note)


def line_at(line: Line, level_dbm0: float) -> Line:
    """The line with the level the tone was sent at."""
    return Line(**{**line.__dict__, "level_dbm0": level_dbm0})


def _sound(rng: np.random.Generator, kind: ToneKind, speed: float, freq: float) -> np.ndarray:
    parts: list[np.ndarray] = []
    total = 0.0
    while True:
        for burst in kind.bursts:
            seconds = burst.seconds / speed * (1 + float(rng.uniform(-0.02, 0.02)))
            parts.append(
                _tone(tuple(f * speed * freq for f in burst.freqs_hz), seconds, twist_db=float(rng.uniform(-3, 3)))
            )
            total += seconds
        if total >= kind.repeat_s:
            return np.concatenate(parts)


def _tone(freqs_hz: tuple[float, ...], seconds: float, twist_db: float = 0.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    wave = np.zeros(t.size)
    for number, freq in enumerate(freqs_hz):
        wave += 10 ** (twist_db * number / 20) * np.sin(2 * np.pi * freq * t)
    return wave.astype(np.float32)


def _signal(rng: np.random.Generator, name: str) -> np.ndarray:
    if name == "CNG":
        cycle = np.concatenate([_tone((1100 + float(rng.uniform(-30, 30)),), 0.5), np.zeros(3 * RATE, np.float32)])
        return np.tile(cycle, 2)[: int(4.2 * RATE)]
    if name == "V.21":
        return _flags(1.0)
    if name == "Bell":
        return _tone((2225.0,), 3.0)
    answer = _tone((2100 + float(rng.uniform(-12, 12)),), float(rng.uniform(2.6, 3.8)))
    t = np.arange(answer.size) / RATE
    if "ANSam" in name:
        answer = answer * (1 + 0.2 * np.sin(2 * np.pi * 15 * t)).astype(np.float32)
    if name == "/ANSam":
        answer = answer * np.where((t / 0.45).astype(int) % 2 == 0, 1, -1).astype(np.float32)
    return np.concatenate([answer, np.zeros(600, np.float32), _flags(1.0)])


def _flags(seconds: float) -> np.ndarray:
    """V.21 channel 2 at 300 bit/s: HDLC flags 01111110, 1 = 1650 Hz, 0 = 1850 Hz."""
    bits = np.tile([0, 1, 1, 1, 1, 1, 1, 0], int(seconds * 300 / 8) + 1)
    at = (np.arange(int(seconds * RATE)) * 300 // RATE).astype(int)
    freq = np.where(bits[at] == 1, 1650.0, 1850.0)
    return np.sin(2 * np.pi * np.cumsum(freq) / RATE).astype(np.float32)
