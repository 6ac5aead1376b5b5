"""How many channels one core hears in real time, everything on, and what a channel costs in memory.

    python tools/bench/detection.py [--channels 1000] [--seconds 4] [--frame-ms 20] [--json]

Each mix is made here from a seed. Time is the processor time of this process on one core, from the answer on: the
first seconds of a call, when every detector works. `tones` never gives a rest: ringing, busy, special information
tones, fax and beeps at once.
"""

import argparse
import json
import resource
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from dialer.detection import DetectionSettings, DetectorBank
from dialer.detection.level import RATE_HZ, mean_square

Audio = NDArray[np.float64]


def noise(rng: np.random.Generator, n: int, level_dbm0: float) -> Audio:
    """Give white noise, float64 [n]."""
    return rng.standard_normal(n) * np.sqrt(mean_square(level_dbm0))


def tone(n: int, freqs: tuple[float, ...], level_dbm0: float) -> Audio:
    """Give tones of equal level, float64 [n]."""
    at = np.arange(n) / RATE_HZ
    waves = sum((np.sin(2 * np.pi * f * at) for f in freqs), np.zeros(n))
    return np.asarray(waves * np.sqrt(2 * mean_square(level_dbm0) / len(freqs)))


def silent(rng: np.random.Generator, n: int) -> Audio:
    """Give line noise."""
    return noise(rng, n, -65.0)


def digital(_rng: np.random.Generator, n: int) -> Audio:
    """Give digital silence."""
    return np.zeros(n)


def speech(rng: np.random.Generator, n: int) -> Audio:
    """Give something with the pitch, the formants, the syllables and the pauses of speech."""
    pitch = rng.uniform(95, 230) * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.3, 0.8) * np.arange(n) / RATE_HZ))
    pulses = (np.diff(np.floor(np.cumsum(pitch) / RATE_HZ), prepend=0) > 0) * 1.0 + 0.05 * rng.standard_normal(n)
    out = pulses
    for low, high in ((350, 800), (900, 2000), (2300, 2900)):
        radius, angle = 0.96, 2 * np.pi * rng.uniform(low, high) / RATE_HZ
        out = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], out)
    syllables = np.repeat(rng.choice([0.0, 0.4, 1.0, 1.0], n // 1200 + 1), 1200)[:n]
    out = out * np.convolve(syllables, np.ones(200) / 200, "same")
    return out / np.sqrt((out**2).mean()) * np.sqrt(mean_square(-20.0)) + noise(rng, n, -62.0)


def tones(rng: np.random.Generator, n: int) -> Audio:
    """Give call progress tones, special information tones, fax tones and beeps, one after the other."""
    shapes: list[tuple[tuple[float, ...], float, float]] = [
        ((440.0, 480.0), 2.0, 4.0), ((480.0, 620.0), 0.5, 0.5), ((425.0,), 0.25, 0.25), ((2100.0,), 2.6, 0.1),
        ((1000.0,), 0.3, 0.4), ((350.0, 440.0), 3.0, 0.0), ((425.0,), 1.0, 4.0), ((400.0, 450.0), 0.4, 0.2),
    ]  # fmt: skip
    freqs, on, off = shapes[rng.integers(len(shapes))]
    cycle = int((on + off) * RATE_HZ)
    gate = (np.arange(n) + rng.integers(cycle)) % cycle < on * RATE_HZ
    return tone(n, freqs, -18.0) * gate + noise(rng, n, -60.0)


def mixed(rng: np.random.Generator, n: int) -> Audio:
    """Give what a busy dialer hears: mostly ringing, speech, and silence."""
    kinds: tuple[Callable[[np.random.Generator, int], Audio], ...] = (tones, speech, speech, silent)
    return kinds[rng.integers(len(kinds))](rng, n)


MIXES = {"digital silence": digital, "line noise": silent, "speech": speech, "tones": tones, "mixed": mixed}


def measure(make: Callable[[np.random.Generator, int], Audio], channels: int, seconds: float, frame: int) -> float:
    """Give the channels one core carries in real time."""
    rng = np.random.default_rng(1)
    n = int(seconds * RATE_HZ) // frame * frame
    voices = [make(rng, n) for _ in range(min(channels, 64))]
    audio = np.stack([voices[c % len(voices)] for c in range(channels)]).clip(-32768, 32767).astype(np.int16)
    bank = DetectorBank(channels, DetectionSettings())
    for channel in range(channels):
        bank.open(channel, phase="answered")
    begun = time.process_time()
    for at in range(0, n, frame):
        bank.push(audio[:, at : at + frame])
    return channels * (n / RATE_HZ) / (time.process_time() - begun)


def memory(channels: int) -> float:
    """Give the kilobytes a channel that hears speech costs, arrays and objects."""
    rng = np.random.default_rng(2)
    audio = np.tile(speech(rng, 4 * RATE_HZ).clip(-32768, 32767).astype(np.int16), (channels, 1))
    tracemalloc.start()
    bank = DetectorBank(channels, DetectionSettings())
    for channel in range(channels):
        bank.open(channel, phase="answered")
    before = tracemalloc.get_traced_memory()[0]
    for at in range(0, audio.shape[1], 160):
        bank.push(audio[:, at : at + 160])
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del before
    return held / channels / 1024


def alone(seconds: float) -> float:
    """Give how many times faster than real time one recording is heard."""
    audio = speech(np.random.default_rng(3), int(seconds * RATE_HZ)).clip(-32768, 32767).astype(np.int16)[None]
    bank = DetectorBank(1, DetectionSettings())
    bank.open(0, phase="answered")
    begun = time.process_time()
    bank.push(audio)
    bank.finish(0)
    return seconds / (time.process_time() - begun)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--frame-ms", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    frame = options.frame_ms * RATE_HZ // 1000
    found = {name: round(measure(make, options.channels, options.seconds, frame)) for name, make in MIXES.items()}
    kilobytes = round(memory(100), 1)
    speed = round(alone(30.0))
    if options.json:
        print(
            json.dumps({"channels_per_core": found, "kilobytes_per_channel": kilobytes, "one_recording_speed": speed})
        )
        return
    print(f"{options.channels} channels at once, {options.frame_ms} ms a push, {options.seconds:g} s from the answer")
    for name, channels in found.items():
        print(f"  {name:16} {channels:6d} channels a core in real time")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"memory {kilobytes} kB a channel; peak of this process {peak} MB")
    print(f"one recording: {speed} times real time")


if __name__ == "__main__":
    main()
