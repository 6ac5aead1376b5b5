"""A tone that begins anywhere between two hops, on a line without any noise, is heard all the same."""

import numpy as np
import pytest

from dialer.detection import DetectorBank, Verdict

RATE = 8000


def cadence(on_s: float, off_s: float, seconds: float = 6.0) -> np.ndarray:
    """480 and 620 Hz with digital silence between the bursts, as a PBX plays them from a file."""
    at = np.arange(int(seconds * RATE)) / RATE
    tone = 3500 * (np.sin(2 * np.pi * 480 * at) + np.sin(2 * np.pi * 620 * at))
    return np.where(at % (on_s + off_s) < on_s, tone, 0.0).astype(np.int16)


@pytest.mark.parametrize(("name", "on_s", "off_s"), [("busy", 0.5, 0.5), ("congestion", 0.25, 0.25)])
@pytest.mark.parametrize("offset", range(0, 80, 8))
def test_busy_and_congestion_are_heard_at_every_alignment(name: str, on_s: float, off_s: float, offset: int) -> None:
    line = np.concatenate([np.zeros(320 + offset, np.int16), cadence(on_s, off_s)])
    bank = DetectorBank(1)
    bank.open(0, country="US")
    found = [finding.name for finding in bank.push(line[None, :]) if isinstance(finding, Verdict)]
    assert found == [name]
