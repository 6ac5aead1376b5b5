"""Pieces cut from labelled recordings, so that an operator's own calls widen the pool.

Only clean rows are cut: no lost frames, signal at least 27 dB over the noise, one speaker. What is cut keeps its
speaker's name, so that cross-validation by speaker still holds for calls composed of it.
"""

from __future__ import annotations

import csv
import wave
from pathlib import Path

import numpy as np

from tools.corpus.source import RATE, Piece, trim

CLEAN_SNR_DB = 27.0
PHRASE_GAP_S = 0.18
NOT_CUT = ("prompts_", "tts:")
"""Speakers that the pool already has from the packages and programs themselves."""


def read_wave(path: Path) -> np.ndarray:
    """A 16 bit mono WAV of 8 kHz as float32 [n], full scale 1.0.

    Raises:
        ValueError: when the file has another rate, width or number of channels.
    """
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (RATE, 2, 1):
            raise ValueError(f"{path}: want 8 kHz, 16 bit, mono")
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)


def cut_pieces(manifest: Path) -> list[Piece]:
    """Utterances of people and monologues of machines in a labelled manifest, in its order."""
    pieces: list[Piece] = []
    with manifest.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if _clean(row):
                pieces.extend(_cut(row, manifest.parent / row["path"]))
    return pieces


def _clean(row: dict[str, str]) -> bool:
    speaker = row.get("speaker", "")
    return (
        row["expected"] in {"human", "machine", "machine_beep"}
        and bool(speaker)
        and "," not in speaker
        and not speaker.startswith(NOT_CUT)
        and (row.get("snr_db") or "0") not in {"", "0"}
        and float(row["snr_db"]) >= CLEAN_SNR_DB
        and row.get("loss", "0") in {"", "0"}
    )


def _cut(row: dict[str, str], path: Path) -> list[Piece]:
    start, end = float(row["onset_s"]), float(row["greeting_end_s"])
    samples = read_wave(path)[int((start - 0.02) * RATE) : int((end + 0.03) * RATE)]
    samples = samples / max(float(np.max(np.abs(samples))), 1e-3) * np.float32(0.7)
    speaker, source, name = row["speaker"], row["source"].split("+")[-1], path.stem
    if row["expected"] == "human":
        kind = "word" if end - start < 1.2 else "phrase" if end - start < 2.5 else "business"
        return [Piece(f"cut/{name}", speaker, source, kind, trim(samples))]
    whole = Piece(f"cut/{name}", speaker, source, "monologue", samples)
    phrases = [
        Piece(f"cut/{name}/{i}", speaker, source, "word" if p.size < 1.0 * RATE else "phrase", p)
        for i, p in enumerate(split_phrases(samples))
        if 0.3 * RATE <= p.size <= 4.8 * RATE
    ]
    return [whole, *phrases]


def split_phrases(samples: np.ndarray, gap_s: float = PHRASE_GAP_S, gate_db: float = 28.0) -> list[np.ndarray]:
    """Cuts at pauses of at least ``gap_s`` (level more than ``gate_db`` under the loudest 10 ms)."""
    frames = samples[: samples.size // 80 * 80].reshape(-1, 80)
    level = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)
    loud = np.flatnonzero(level > level.max() - gate_db)
    if loud.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(loud) > gap_s * 100)
    starts, ends = np.r_[loud[0], loud[breaks + 1]], np.r_[loud[breaks], loud[-1]]
    return [samples[a * 80 : (b + 1) * 80] for a, b in zip(starts, ends, strict=True)]
