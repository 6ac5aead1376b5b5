"""Runs labelled calls through the product's front-end and voice track, and keeps what the trees are to learn from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dialer.detection.frontend import FrontEnd
from dialer.detection.level import HOP
from dialer.detection.speech.feature import FEATURES
from dialer.detection.speech.track import SpeechTrack
from dialer.detection.speech.voice import INPUTS, VoiceMeter
from tools.corpus.cut import read_wave

ANSWERS = ("human", "machine", "machine_beep")
EVERY_HOPS = 5
LISTEN_HOPS = 900
BATCH = 200


@dataclass(frozen=True)
class Labelled:
    """One labelled call.

    Attributes:
        row: its manifest row.
        snapshots: float32 [n, FEATURES], one each 50 ms from the answer on.
    """

    row: dict[str, str]
    snapshots: np.ndarray

    @property
    def machine(self) -> bool:
        """Whether a machine answered."""
        return self.row["expected"] != "human"

    @property
    def speakers(self) -> frozenset[str]:
        """Who speaks; formant synthesis and one voice in two languages count as one speaker each."""
        return frozenset(one_voice(name) for name in self.row.get("speaker", "").split(",") if name)


def one_voice(speaker: str) -> str:
    """Names that sound like one voice are one voice."""
    if speaker.startswith("tts:espeak"):
        return "tts:espeak"
    return "prompts_core_en_es" if speaker in {"prompts_core_en", "prompts_core_es"} else speaker


def answers(manifest: Path) -> list[dict[str, str]]:
    """The rows of a manifest where somebody or something answered with a voice."""
    with manifest.open(newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["expected"] in ANSWERS]


def after_answer(manifest: Path, row: dict[str, str]) -> np.ndarray:
    """int16 samples from the answer on, whole hops, at most ``LISTEN_HOPS``."""
    samples = np.round(read_wave(manifest.parent / row["path"]) * 32768).astype(np.int16)
    samples = samples[int(float(row["answer_s"] or 0) * 100) * HOP :][: LISTEN_HOPS * HOP]
    return samples[: samples.size // HOP * HOP]


def _batches(manifest: Path) -> list[tuple[list[dict[str, str]], np.ndarray, np.ndarray]]:
    rows = answers(manifest)
    out = []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        sounds = [after_answer(manifest, row) for row in part]
        counts = np.array([s.size for s in sounds])
        samples = np.zeros((len(part), int(counts.max())), np.int16)
        for line, sound in enumerate(sounds):
            samples[line, : sound.size] = sound
        out.append((part, samples, counts))
    return out


def collect(manifest: Path, voice: dict[str, np.ndarray]) -> list[Labelled]:
    """Snapshots of the features of every answered call of a manifest."""
    calls = []
    for rows, samples, counts in _batches(manifest):
        track = SpeechTrack(VoiceMeter(voice))
        track.attach(len(rows))
        kept = np.zeros((LISTEN_HOPS // EVERY_HOPS, len(FEATURES), len(rows)), np.float32)
        for number, hop in enumerate(FrontEnd(len(rows)).feed(np.arange(len(rows)), samples, counts, None)):
            track.step(hop)
            if number % EVERY_HOPS == EVERY_HOPS - 1:
                kept[number // EVERY_HOPS][:, hop.channels] = track.features(hop.channels)
        for line, row in enumerate(rows):
            calls.append(Labelled(row, kept[: counts[line] // HOP // EVERY_HOPS, :, line].copy()))
    return calls


def voice_frames(manifest: Path, share: float = 0.35, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the voice meter [n, INPUTS] and whether the noiseless voice sounded [n], a random share of the hops.

    Needs the ``activity`` folder that ``tools.corpus`` writes beside the calls.
    """
    rng = np.random.default_rng(seed)
    inputs, labels = [], []
    for rows, samples, counts in _batches(manifest):
        meter = VoiceMeter(None)
        meter.attach(len(rows))
        hops = samples.shape[1] // HOP
        kept = np.zeros((hops, len(rows), INPUTS), np.float32)
        usable = np.zeros((hops, len(rows)), bool)
        for number, hop in enumerate(FrontEnd(len(rows)).feed(np.arange(len(rows)), samples, counts, None)):
            meter.step(hop, hop.values.astype(np.float64))
            kept[number, hop.channels] = meter.inputs.T
            usable[number, hop.channels] = ~(hop.digital | hop.tainted | hop.lost)
        for line, row in enumerate(rows):
            known = np.load(manifest.parent / "activity" / (Path(row["path"]).stem + ".npy"))
            known = known[int(float(row["answer_s"] or 0) * 100) :]
            length = min(known.size, int(counts[line]) // HOP)
            use = usable[:length, line] & (rng.random(length) < share)
            inputs.append(kept[:length, line][use])
            labels.append(known[:length][use])
    return np.concatenate(inputs), np.concatenate(labels)
