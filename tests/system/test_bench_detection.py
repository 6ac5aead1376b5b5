"""The peer benchmark on a few calls: the real Asterisk over SIP, the real spandsp, and this detector."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]


def tone(freq_hz: float, length_s: float) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * freq_hz * np.arange(round(length_s * 8000)) / 8000)


@pytest.fixture(name="manifest")
def _manifest(tmp_path: Path) -> Path:
    noise = np.random.default_rng(1).normal(0, 3e-4, 8000)
    sit = np.concatenate([noise, tone(950, 0.33), tone(1400, 0.33), tone(1800, 0.33), noise])
    soundfile.write(tmp_path / "sit.wav", sit, 8000)
    soundfile.write(tmp_path / "fax.wav", np.concatenate([noise, tone(2100, 3.2), noise]), 8000)
    path = tmp_path / "calls.tsv"
    rows = [
        "path\texpected\tphase\tonset_s\tcountry",
        "sit.wav\tsit\tearly\t1.0\tUS",
        "fax.wav\tfax\tanswered\t1.0\tUS",
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


def verdicts(heard: object) -> list[str]:
    return [verdict for verdict, _ in heard["reports"]] if isinstance(heard, dict) else []


def bench(manifest: Path, saved: Path, *peers: str) -> dict[str, dict[str, list[str]]]:
    chosen = [word for peer in peers for word in ("--only", peer)]
    command = [sys.executable, "-m", "tools.bench_detection", "--manifest", manifest, "--json", saved, *chosen]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert found.returncode == 0, found.stderr
    assert "Named rightly" in found.stdout
    calls = json.loads(saved.read_text())["calls"]
    return {call["expected"]: {name: verdicts(heard) for name, heard in call.items()} for call in calls}


@pytest.mark.skipif(find_library("spandsp") is None, reason="libspandsp2 is not installed")
def test_spandsp_and_this_detector_hear_fax_and_sit(manifest: Path, tmp_path: Path) -> None:
    heard = bench(manifest, tmp_path / "r.json", "spandsp", "ours")
    assert "fax" in heard["fax"]["spandsp"]
    assert "sit" in heard["sit"]["spandsp"]
    assert heard["fax"]["this detector"] == ["fax"]
    assert heard["sit"]["this detector"] == ["sit"]


@pytest.mark.skipif(shutil.which("sipp") is None, reason="sip-tester is not installed")
def test_asterisk_hears_fax_and_sit_over_sip(manifest: Path, tmp_path: Path) -> None:
    heard = bench(manifest, tmp_path / "r.json", "asterisk")
    assert heard["fax"]["Asterisk ToneScan()"] == ["fax"]
    assert heard["sit"]["Asterisk ToneScan()"] == ["sit"]
