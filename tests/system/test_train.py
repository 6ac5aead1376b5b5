"""`dialer train`: a model learned by the real learner from labelled recordings, and what it then makes of new calls."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from dialer.detection.frontend import FrontEnd
from dialer.detection.speech.classifier import SpeechClassifier
from dialer.detection.speech.model import MODEL_PATH, load

pytestmark = pytest.mark.system

RATE = 8000
SPEAKERS = 12
COLUMNS = ("path", "expected", "phase", "answer_s", "greeting_end_s", "beep_start_s", "beep_end_s", "country",
           "source", "speaker", "codec", "level_dbm0", "snr_db", "loss", "onset_s", "end_s", "note")  # fmt: skip


def voiced(rng: np.random.Generator, speaker: int, seconds: float) -> np.ndarray:
    """Pulses with a moving pitch through a speaker's formants, about -20 dBm0."""
    n = round(seconds * RATE)
    pitch = (95 + 12 * speaker) * (1 + 0.1 * np.sin(2 * np.pi * 3 * np.arange(n) / RATE + rng.uniform(0, 6)))
    out = (np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0) > 0) + 0.02 * rng.standard_normal(n)
    for freq in (600.0 + 15 * speaker, 1150.0 + 20 * speaker, 2350.0):
        out = lfilter([1.0], [1.0, -2 * 0.95 * np.cos(2 * np.pi * freq / RATE), 0.95**2], out)
    return 0.05 * out / np.sqrt((out**2).mean())


def answer(rng: np.random.Generator, speaker: int, *, machine: bool) -> tuple[np.ndarray, float, float]:
    """A call: samples, first voice and end of the greeting in s. People say a word or two and wait."""
    parts = [np.zeros(round(rng.uniform(0.3, 0.8) * RATE))]
    onset = parts[0].size / RATE
    for _ in range(int(rng.integers(11, 16)) if machine else int(rng.integers(1, 3))):
        parts += [voiced(rng, speaker, rng.uniform(0.25, 0.5)), np.zeros(round(rng.uniform(0.08, 0.2) * RATE))]
    end = sum(part.size for part in parts[:-1]) / RATE
    sound = np.concatenate([*parts, np.zeros(3 * RATE)])
    return sound + 4e-4 * rng.standard_normal(sound.size), onset, end


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 labelled calls by twelve speakers who answer themselves and speak greetings."""
    folder, rng = tmp_path_factory.mktemp("calls"), np.random.default_rng(3)
    rows = []
    for number in range(6 * SPEAKERS):
        machine, speaker = number % 2 == 1, number // 2 % SPEAKERS
        sound, onset, end = answer(rng, speaker, machine=machine)
        soundfile.write(folder / f"{number:02}.wav", sound, RATE, subtype="PCM_16")
        told = {"path": f"{number:02}.wav", "expected": "machine" if machine else "human", "phase": "answered",
                "answer_s": "0.000", "onset_s": f"{onset:.3f}", "greeting_end_s": f"{end:.3f}", "source": "synthesis",
                "speaker": f"speaker{speaker}", "codec": "pcm", "level_dbm0": "-20", "snr_db": "40", "loss": "0",
                "note": "personal" if machine else "one_word"}  # fmt: skip
        rows.append(dict.fromkeys(COLUMNS, "") | told)
    with (folder / "manifest.tsv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "manifest.tsv"


def chances(listener: SpeechClassifier, sound: np.ndarray, at_s: float) -> float:
    """P(machine) after so much of a call."""
    samples = np.round(sound[: round(at_s * 100) * 80] * 32768).astype(np.int16)[None]
    listener.attach(1)
    for hop in FrontEnd(1).feed(np.arange(1), samples, np.array([samples.shape[1]]), None):
        listener.step(hop)
    return float(listener.probabilities(np.arange(1))[0])


def test_a_model_is_learned_from_ones_own_recordings_in_one_command(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.npz"
    command = [sys.executable, "-m", "dialer.cli.main", "train", manifest, "--folds", "3", "--out", out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = re.search(r"^balanced: .*\((\S+), (\d+) of 36\).*\((\S+), (\d+) of 36\)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout  # both rates of voices held out, with their intervals
    assert int(found[2]) == 0
    assert int(found[4]) <= 3
    learned, shipped = load(out), load(MODEL_PATH)
    assert learned is not None
    assert shipped is not None
    assert learned.digest != shipped.digest
    assert all(np.array_equal(learned.voice[name], shipped.voice[name]) for name in shipped.voice)
    listener, rng = SpeechClassifier(learned), np.random.default_rng(8)
    person, _, person_end = answer(rng, SPEAKERS + 1, machine=False)  # a voice that nobody was trained on
    machine, _, machine_end = answer(rng, SPEAKERS + 1, machine=True)
    assert chances(listener, person, person_end + 0.4) < 0.2
    assert chances(listener, machine, machine_end - 0.5) > 0.8
