"""Makes the treatments of the scenario "User Terminated Immediate" into media/treatments (8 kHz mono, -19 dBm0).

python tools/media/treatments.py            # needs: apt-get install festival festvox-us-slt-hts
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.media.sound import RATE, RMS_AT_0_DBM0, Samples, VoiceMissingError, levelled, silence, speak, write_wav

FOLDER = Path(__file__).resolve().parents[2] / "media" / "treatments"
VOICE = "hts"
SPOKEN = {
    "customer_connect": "Hello. This is the call back that you asked for.",
    "all_agents_busy": "We are sorry. All of our representatives are still busy. We will call you again. Good bye.",
    "call_fail_ans_machine": "Hello. This is the call back that you asked for. Sorry that we missed you. Good bye.",
}
WAITING = "Thank you for waiting. The next representative will be with you shortly."
CHORDS_HZ = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))  # C, Am, F, G
CHORD_S = 3.0
MUSIC_DBM0 = -27.0
RINGBACK_DBM0 = -19.0  # each of its two tones
DUCKED_DB = -6.0  # under the voice


def soft_music(chords: tuple[tuple[float, ...], ...] = CHORDS_HZ) -> Samples:
    """Slow broken chords of plucked notes; ends as it begins, so that it can be looped. 12 s."""
    total = round(len(chords) * CHORD_S * RATE)
    music = np.zeros(total)
    step_s = CHORD_S / 6
    for bar, chord in enumerate(chords):
        for note, place in enumerate((0, 1, 2, 1, 2, 1)):
            start = round((bar * CHORD_S + note * step_s) * RATE)
            tone = _plucked(2 * chord[place])
            ring = (start + np.arange(len(tone))) % total  # what rings over the end is heard at the beginning
            np.add.at(music, ring, tone)
    return levelled(music, MUSIC_DBM0)


def _plucked(freq_hz: float, seconds: float = 2.0) -> Samples:
    t = np.arange(round(seconds * RATE)) / RATE
    attack = np.minimum(t / 0.02, 1.0)
    partials = sum(np.sin(2 * np.pi * freq_hz * n * t) * np.exp(-t * n * 1.8) / n**2 for n in (1, 2, 3))
    return np.asarray(partials * attack * np.minimum((seconds - t) / 0.1, 1.0))


def ringback() -> Samples:
    """Ringing tone of North America, 2 s on, 4 s off: what an agent hears until the customer answers. 6 s.

    Source: ITU-T E.180 Supplement 2, United States: 440 + 480 Hz; -19 dBm0 each by Telcordia GR-506.
    """
    t = np.arange(2 * RATE) / RATE
    peak = RMS_AT_0_DBM0 * np.sqrt(2) * 10 ** (RINGBACK_DBM0 / 20)
    return np.concatenate([peak * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)), silence(4.0)])


def waiting() -> Samples:
    """Music, and the voice over it."""
    music = soft_music()
    voice = speak(WAITING, VOICE)
    begin = round(0.5 * RATE)
    duck = np.ones(len(music))
    duck[begin : begin + len(voice)] = 10 ** (DUCKED_DB / 20)
    smooth = np.hanning(RATE // 5)
    duck = np.convolve(np.pad(duck, RATE // 10, mode="edge"), smooth / smooth.sum(), mode="same")[
        RATE // 10 : -(RATE // 10)
    ]
    mixed = music * duck
    mixed[begin : begin + len(voice)] += voice
    return mixed


def main() -> int:
    """Makes all of them; returns the exit status."""
    try:
        for name, text in SPOKEN.items():
            write_wav(FOLDER / f"{name}.wav", np.concatenate([silence(0.1), speak(text, VOICE), silence(0.2)]))
        write_wav(FOLDER / "next_customer_rep.wav", waiting())
        write_wav(FOLDER / "ringback.wav", ringback())
    except VoiceMissingError as missing:
        print(f"treatments: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
