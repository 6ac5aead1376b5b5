"""Test signals, made here and nowhere read, and a bank to hear them."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from dialer.detection import DetectionSettings, DetectorBank, Verdict
from dialer.detection.answer_rules import RuleClassifier
from dialer.detection.level import RATE_HZ, mean_square


class Sound:
    """Tones, cadences, voices and noise at exact levels, float64 at 8 kHz."""

    @staticmethod
    def tone(seconds, *freqs, level_dbm0=-20.0, rate=RATE_HZ):
        at = np.arange(round(seconds * rate)) / rate
        return sum(np.sin(2 * np.pi * f * at) for f in freqs) * np.sqrt(2 * mean_square(level_dbm0) / len(freqs))

    @staticmethod
    def pause(seconds):
        return np.zeros(round(seconds * RATE_HZ))

    @staticmethod
    def join(*parts):
        return np.concatenate(parts)

    def cadence(self, freqs, times, cycles, level_dbm0=-20.0):
        one = [
            self.tone(s, *freqs, level_dbm0=level_dbm0) if n % 2 == 0 else self.pause(s) for n, s in enumerate(times)
        ]
        return np.concatenate(one * cycles)

    @staticmethod
    def noisy(audio, level_dbm0=-62.0, seed=1):
        return audio + np.random.default_rng(seed).standard_normal(len(audio)) * np.sqrt(mean_square(level_dbm0))

    @staticmethod
    def vowel(seconds, pitch_hz=120.0, level_dbm0=-20.0, seed=1):
        """Something voiced: pulses with a moving pitch through formants."""
        n = round(seconds * RATE_HZ)
        pitch = pitch_hz * (1 + 0.1 * np.sin(2 * np.pi * 3.0 * np.arange(n) / RATE_HZ))
        out = (np.diff(np.floor(np.cumsum(pitch) / RATE_HZ), prepend=0) > 0) * 1.0
        out += 0.02 * np.random.default_rng(seed).standard_normal(n)
        for freq in (640.0, 1190.0, 2390.0):
            out = lfilter([1.0], [1.0, -2 * 0.95 * np.cos(2 * np.pi * freq / RATE_HZ), 0.95**2], out)
        return out / np.sqrt((out**2).mean()) * np.sqrt(mean_square(level_dbm0))

    def words(self, count, each_s=0.3, gap_s=0.15, level_dbm0=-20.0):
        parts = []
        for n in range(count):
            parts += [self.vowel(each_s, 110 + 15 * (n % 4), level_dbm0, seed=n), self.pause(gap_s)]
        return np.concatenate(parts)

    @staticmethod
    def flags(seconds, level_dbm0=-20.0):
        """V.21 channel 2: HDLC flags at 300 bit/s, 1650 Hz mark and 1850 Hz space."""
        n = np.arange(round(seconds * RATE_HZ))
        bits = np.array([0, 1, 1, 1, 1, 1, 1, 0])[(n * 300 // RATE_HZ) % 8]
        phase = np.cumsum(np.where(bits == 1, 1650.0, 1850.0)) / RATE_HZ
        return np.sin(2 * np.pi * phase) * np.sqrt(2 * mean_square(level_dbm0))

    @staticmethod
    def pcm(audio):
        return np.clip(np.rint(audio), -32768, 32767).astype(np.int16)


@pytest.fixture(scope="session")
def sound():
    return Sound()


@pytest.fixture
def hear() -> Callable[..., list]:
    """Play one signal to a bank of one channel in 20 ms frames and give all findings, those of the end included."""

    def run(audio, *, phase="answered", country=None, answer_s=None, settings=None, lost=None, frame=160):
        bank = DetectorBank(1, settings or DetectionSettings(), RuleClassifier())
        bank.open(0, country=country, phase=phase)
        samples = Sound.pcm(audio)[None]
        found = []
        cut = None if answer_s is None else round(answer_s * RATE_HZ)
        for at in range(0, samples.shape[1], frame):
            if cut is not None and at >= cut:
                bank.answer(0)
                cut = None
            gone = None if lost is None else lost[None, at // 160 : at // 160 + 1]
            found += bank.push(samples[:, at : at + frame], lost=gone)
        return found + bank.finish(0)

    return run


@pytest.fixture
def verdict(hear):
    """Play one signal and give the last verdict's name and time, or None."""

    def run(audio, **how):
        verdicts = [f for f in hear(audio, **how) if isinstance(f, Verdict)]
        return verdicts[-1] if verdicts else None

    return run


@pytest.fixture(scope="session")
def hear_all() -> Callable[..., list[list]]:
    """Play many signals to one bank at once, with the country of each, and give all findings of each."""

    def run(audios, countries, phase="early"):
        bank = DetectorBank(len(audios), DetectionSettings(), RuleClassifier())
        samples = [Sound.pcm(audio) for audio in audios]
        counts = np.array([len(s) for s in samples])
        block = np.zeros((len(samples), counts.max()), np.int16)
        for row, one in enumerate(samples):
            block[row, : len(one)] = one
            bank.open(row, country=countries[row], phase=phase)
        found = [[] for _ in samples]
        for at in range(0, block.shape[1], 320):
            for finding in bank.push(block[:, at : at + 320], counts - at):
                found[finding.channel].append(finding)
        return [rest + bank.finish(row) for row, rest in enumerate(found)]

    return run
