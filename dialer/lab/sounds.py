"""The lab's sounds by name: recorded voices from `media/lab`, everything else synthesised when it is asked for."""

from __future__ import annotations

import wave
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

from dialer.lab import tones
from dialer.lab.tones import RATE, Samples

VOICES = Path(__file__).resolve().parents[2] / "media" / "lab"
SIGNATURE_DBM0 = -34.0
ANNOUNCEMENT_AFTER_S = 0.25  # a SIT is followed by its announcement within 300 ms

Recipe = Callable[["SoundLibrary"], Samples]


class UnknownSoundError(LookupError):
    """There is no sound of that name."""


class SoundLibrary:
    """Gives each sound as a WAV file (8 kHz mono 16 bit); makes it when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made yet.

        Args:
            folder: where synthesised sounds are written; exists, and belongs to this library alone.
        """
        self._folder = folder

    def path(self, name: str) -> Path:
        """The file of a sound.

        Raises:
            UnknownSoundError: when neither a recorded voice nor a recipe has this name.
        """
        recorded = VOICES / f"{name}.wav"
        if recorded.exists():
            return recorded
        made = self._folder / f"{name}.wav"
        if not made.exists():
            write_wav(made, self._make(name))
        return made

    def talk(self, voice: str, who: str) -> Path:
        """A voice that talks, marked with a steady signature that is `who`'s alone.

        Under the words lies a pseudo-random noise, 15 dB weaker and never pausing: whoever records this voice can tell
        by correlation whose it is, with which delay it comes, and from which millisecond on.
        """
        made = self._folder / f"talk_{voice}_{who}.wav"
        if not made.exists():
            speech = self.samples(voice)
            write_wav(made, speech + signature(who, len(speech)))
        return made

    def samples(self, name: str) -> Samples:
        """A sound as float64 [n], 8 kHz."""
        return read_wav(self.path(name))

    def _make(self, name: str) -> Samples:
        if name not in RECIPES:
            raise UnknownSoundError(f"the lab has no sound {name!r}")
        return RECIPES[name](self)


def signature(who: str, n: int) -> Samples:
    """Noise of the telephone band, [n], the same at each call for the same name."""
    noise = np.random.default_rng(zlib.crc32(who.encode())).standard_normal(n + RATE)
    band = butter(4, (300, 3400), btype="bandpass", fs=RATE, output="sos")
    filtered = sosfilt(band, noise)[RATE:]
    rms = tones.PEAK_AT_0_DBM0 / np.sqrt(2) * 10 ** (SIGNATURE_DBM0 / 20)
    return np.asarray(filtered / np.sqrt(np.mean(filtered**2)) * rms)


def read_wav(path: Path) -> Samples:
    """An 8 kHz mono 16 bit WAV as float64 [n].

    Raises:
        ValueError: when it has another format.
    """
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{path}: not 8 kHz mono 16 bit")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)


def write_wav(path: Path, samples: Samples) -> None:
    """Writes float64 [n] as 8 kHz mono 16 bit; the file is whole when it appears."""
    growing = path.with_suffix(".part")
    with wave.open(str(growing), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(np.round(samples), -32768, 32767).astype("<i2").tobytes())
    growing.rename(path)


def _announced(make_tone: Callable[[], Samples], announcement: str) -> Recipe:
    """A SIT and the announcement after it."""
    return lambda library: np.concatenate(
        [make_tone(), tones.silence(ANNOUNCEMENT_AFTER_S), library.samples(announcement)]
    )


def _with_beep(greeting: str, freq_hz: float, seconds: float) -> Recipe:
    """A voicemail greeting, half a second, and the beep."""
    return lambda library: np.concatenate(
        [library.samples(greeting), tones.silence(0.5), tones.beep(freq_hz, seconds)]
    )


RECIPES: Mapping[str, Recipe] = {
    "busy_tone": lambda _: tones.busy(),
    "congestion_tone": lambda _: tones.congestion(),
    "ringback_tone": lambda _: tones.ringback(),
    "fax_answer": lambda _: tones.fax_answer(),
    "beep": lambda _: tones.beep(),
    "voicemail_beep": _with_beep("voicemail", 1000.0, 0.4),
    "voicemail_short_beep": _with_beep("voicemail_short", 850.0, 0.65),
    "sit_itu": lambda _: tones.sit_itu(),
    "sit_VC": _announced(lambda: tones.sit("VC"), "not_in_service"),
    "sit_IC": _announced(lambda: tones.sit("IC"), "number_changed"),
    "sit_RO_LOCAL": _announced(lambda: tones.sit("RO_LOCAL"), "cannot_be_completed"),
    "sit_RO_CARRIER": _announced(lambda: tones.sit("RO_CARRIER"), "cannot_be_completed"),
    "sit_NC_LOCAL": _announced(lambda: tones.sit("NC_LOCAL"), "circuits_busy"),
    "sit_NC_CARRIER": _announced(lambda: tones.sit("NC_CARRIER"), "circuits_busy"),
    "sit_IO": _announced(lambda: tones.sit("IO"), "cannot_be_completed"),
    "sit_RESERVED": _announced(lambda: tones.sit("RESERVED"), "cannot_be_completed"),
}
