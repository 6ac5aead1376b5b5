"""`dialer replay` and `dialer eval` as commands of their own process, on real files."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.system


def dialer(*words: object, deadline_s: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dialer.cli.main", *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=deadline_s, check=False)


def busy(cycles: int = 6) -> np.ndarray:
    t = np.arange(4000) / 8000
    on = 0.2 * (np.sin(2 * np.pi * 480 * t) + np.sin(2 * np.pi * 620 * t))
    noise = np.random.default_rng(1).normal(0, 3e-4, 4000)
    return np.concatenate([on, noise] * cycles)


def test_a_folder_is_replayed_in_parallel_and_in_order(tmp_path: Path) -> None:
    for number in range(40):
        soundfile.write(tmp_path / f"{number:02}.wav", busy(), 8000)
    found = dialer("replay", tmp_path, "--early", "--country", "US", "--json")
    assert found.returncode == 0, found.stderr
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [Path(row["file"]).name for row in rows] == [f"{number:02}.wav" for number in range(40)]
    assert {row["verdict"] for row in rows} == {"busy"}
    assert len({json.dumps({**row, "file": ""}) for row in rows}) == 1


def test_a_recording_of_ten_hours_takes_bounded_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "long.wav", 10 * 3600 * 16_000
    header = (
        b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    )
    with path.open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", size))
        file.truncate(44 + size)
    began = time.monotonic()
    measured = (
        "import atexit, sys; from pathlib import Path; from dialer.cli.main import main\n"
        "atexit.register(lambda: sys.stderr.write(Path('/proc/self/status').read_text()))\n"
        "main()"
    )
    words = [sys.executable, "-c", measured, "replay", str(path), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)
    took_s = time.monotonic() - began
    row = json.loads(done.stdout)
    peak_kb = int(next(line.split()[1] for line in done.stderr.splitlines() if line.startswith("VmHWM:")))
    assert done.returncode == 0
    assert (row["verdict"], row["duration_s"]) == ("silence", 36_000.0)
    assert took_s < 36_000 / 200
    assert peak_kb < 400_000  # the file has 576,000


def test_bad_files_among_good_ones_are_named_and_change_the_status(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "good.wav", busy(), 8000)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio at all")
    (tmp_path / "odd.pcap").write_bytes(b"\xd4\xc3\xb2\xa1" + b"\xff" * 9)
    found = dialer("replay", tmp_path, "--early", "--json")
    rows = {Path(row["file"]).name: row for row in map(json.loads, found.stdout.splitlines())}
    assert found.returncode == 1
    assert rows["good.wav"]["verdict"] == "busy"
    for name in ("empty.wav", "text.wav", "odd.pcap"):
        assert rows[name]["error"]
        assert f"{tmp_path / name}: " in found.stderr
    assert "Traceback" not in found.stderr


def test_a_wrong_manifest_is_refused_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "calls.tsv"
    path.write_text("path\texpected\nnone.wav\thumming\n")
    found = dialer("eval", path)
    assert found.returncode == 1
    assert "calls.tsv:2: expected: 'humming' is no verdict" in found.stderr
    assert "Traceback" not in found.stderr
