"""What the scripts that make the project's recordings share: speech by free voices, level, resampling, WAV files.

Needs the Debian packages flite, festival and festvox-us-slt-hts, and only to make the recordings anew: they are kept in
`media/`.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

Samples = NDArray[np.float64]

RATE = 8000
SPEECH_DBM0 = -19.0  # active speech level, RFC 7874 §3
RMS_AT_0_DBM0 = 32768 * 10 ** (-6.15 / 20)  # a 0 dBm0 sine peaks 3.14 dB below full scale (ITU-T G.711, µ-law 3.17)
FRAME = 160


class VoiceMissingError(RuntimeError):
    """A program that speaks is not installed."""


def speak(text: str, voice: str) -> Samples:
    """Speaks a text: [n], 8 kHz, at `SPEECH_DBM0`.

    Args:
        text: what to say.
        voice: `hts` = Festival's CMU slt (HTS), otherwise a voice of flite (slt, rms, awb, kal16).

    Raises:
        VoiceMissingError: when the program is not installed; names the Debian packages.
    """
    program, packages = ("text2wave", "festival festvox-us-slt-hts") if voice == "hts" else ("flite", "flite")
    if shutil.which(program) is None:
        raise VoiceMissingError(f"{program} is not installed: apt-get install {packages}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        if voice == "hts":
            command = [program, "-eval", "(voice_cmu_us_slt_arctic_hts)", "-o", str(path)]
            subprocess.run(command, input=text, text=True, check=True, capture_output=True)
        else:
            subprocess.run([program, "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        samples, rate = read_wav(path)
    return levelled(trimmed(resample_poly(samples, RATE, rate)), SPEECH_DBM0)


def read_wav(path: Path) -> tuple[Samples, int]:
    """A mono 16 bit WAV as [n] in units of the 16 bit sample, and its rate."""
    with wave.open(str(path)) as file:
        data = file.readframes(file.getnframes())
        return np.frombuffer(data, dtype="<i2").astype(np.float64), file.getframerate()


def write_wav(path: Path, samples: Samples) -> None:
    """Writes [n] as 8 kHz mono 16 bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(np.round(samples), -32768, 32767).astype("<i2").tobytes())


def silence(seconds: float) -> Samples:
    """Digital silence."""
    return np.zeros(round(seconds * RATE))


def active_level_dbm0(samples: Samples) -> float:
    """Level over the 20 ms frames less than 30 dB below the loudest (after ITU-T P.56, without its hangover)."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.mean(frames**2, axis=1)
    active = power[power > power.max() * 1e-3]
    return float(20 * np.log10(np.sqrt(active.mean()) / RMS_AT_0_DBM0))


def levelled(samples: Samples, dbm0: float) -> Samples:
    """The samples at this active level."""
    return samples * 10 ** ((dbm0 - active_level_dbm0(samples)) / 20)


def trimmed(samples: Samples, keep_s: float = 0.05) -> Samples:
    """Without the silence before and after (40 dB below the loudest frame)."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.mean(frames**2, axis=1)
    loud = np.flatnonzero(power > power.max() * 1e-4)
    keep = round(keep_s * RATE)
    return samples[max(loud[0] * FRAME - keep, 0) : (loud[-1] + 1) * FRAME + keep]
