"""A beep after a voice is a voicemail's, also when the voice was taken for a person's before."""

import numpy as np

from dialer.detection import DetectorBank, Verdict
from dialer.detection.channel import Channel


def test_a_person_whose_voice_is_followed_by_a_beep_was_a_voicemail() -> None:
    bank = DetectorBank(1)
    bank.open(0, phase="answered")
    channel: Channel = bank._open[0]  # type: ignore[assignment]
    line = np.random.default_rng(7).normal(0, 4, 8000).astype(np.int16)
    bank.push(line[None, :])
    channel.first_voice = 20
    channel.decide(0.9, "human", 0.9)
    at = np.arange(4000) / 8000
    beep = (6000 * np.sin(2 * np.pi * 1000 * at)).astype(np.int16)
    sound = np.concatenate([line, beep, line])
    found = [finding.name for finding in bank.push(sound[None, :]) if isinstance(finding, Verdict)]
    assert found == ["human", "machine_beep"]


def test_no_other_verdict_replaces_a_person() -> None:
    bank = DetectorBank(1)
    bank.open(0, phase="answered")
    channel: Channel = bank._open[0]  # type: ignore[assignment]
    channel.decide(0.9, "human", 0.9)
    for name in ("machine", "fax", "silence", "busy", "human"):
        channel.decide(1.5, name, 0.99)
    assert channel.verdict == "human"
