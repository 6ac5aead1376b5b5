"""The detection thread: hears what the tap holds, survives faults, and says when it can hear no more."""

import asyncio

import numpy as np
import pytest

from dialer.detection import DetectorBank, Verdict
from dialer.scenario import hearing
from dialer.scenario.hearing import Listener, ListenerFailed
from dialer.telephony.tap import Block

FRAME = 160


class Tape:
    """A tap that holds recorded legs from the start, one row each."""

    def __init__(self, *legs: np.ndarray) -> None:
        self.legs = legs

    def first(self, row: int) -> int:
        del row
        return 0

    def take(self, rows: np.ndarray, cursors: np.ndarray) -> Block:
        n = 10 * FRAME
        samples = np.zeros((len(rows), n), np.int16)
        counts = np.zeros(len(rows), np.int64)
        for at, (row, cursor) in enumerate(zip(rows.tolist(), cursors.tolist(), strict=True)):
            piece = self.legs[row][int(cursor) : int(cursor) + n]
            counts[at] = len(piece) // FRAME * FRAME
            samples[at, : counts[at]] = piece[: counts[at]]
        flags = np.zeros((len(rows), n // FRAME), np.uint8)
        return Block(rows, samples, counts, cursors + counts.astype(np.uint64), flags)


def is_verdict(finding: object) -> bool:
    return isinstance(finding, Verdict)


def busy_tone(seconds: float) -> np.ndarray:
    at = np.arange(int(seconds * 8000)) / 8000
    tone = 3000 * (np.sin(2 * np.pi * 480 * at) + np.sin(2 * np.pi * 620 * at))
    return np.where(at % 1.0 < 0.5, tone, 0.0).astype(np.int16)


async def test_a_tone_on_a_leg_becomes_a_verdict_on_the_loop() -> None:
    listener = Listener(Tape(busy_tone(4.0)), lambda: DetectorBank(2))  # type: ignore[arg-type]
    listener.start()
    heard = listener.listen(0, 0, country="US")
    async with asyncio.timeout(20):
        verdict = await heard.wait_for(is_verdict)
    assert isinstance(verdict, Verdict)
    assert verdict.name == "busy"
    assert await heard.finish() is verdict
    await listener.stop()
    assert listener.statistics.samples > 0


async def test_finishing_judges_what_was_heard_to_the_end() -> None:
    listener = Listener(Tape(np.zeros(0, np.int16), np.zeros(8000, np.int16)), lambda: DetectorBank(2))  # type: ignore[arg-type]
    listener.start()
    early = listener.listen(0, 0)
    async with asyncio.timeout(20):
        await early.finish()
        answered = listener.listen(1, 0, answered=True)
        verdict = await answered.finish()
    await listener.stop()
    assert verdict is not None
    assert not answered.open


class Broken(DetectorBank):
    """Detectors with a fault."""

    def push_rows(self, *_: object, **__: object) -> list[object]:  # type: ignore[override]
        raise ZeroDivisionError


async def test_a_fault_costs_the_call_its_verdict_and_not_the_dialer_its_ears() -> None:
    banks = [Broken(2), DetectorBank(2)]
    listener = Listener(Tape(busy_tone(4.0), busy_tone(4.0)), lambda: banks.pop(0))  # type: ignore[arg-type]
    listener.start()
    async with asyncio.timeout(20):
        assert await listener.listen(0, 0).wait_for(is_verdict) is None
        after = await listener.listen(1, 0, country="US").wait_for(is_verdict)
    assert listener.running
    await listener.stop()
    assert isinstance(after, Verdict)
    assert after.name == "busy"


async def test_faults_without_end_stop_the_thread_and_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "FAULTS_ALLOWED", 0)
    listener = Listener(Tape(busy_tone(4.0)), lambda: Broken(2))  # type: ignore[arg-type]
    listener.start()
    async with asyncio.timeout(20):
        assert await listener.listen(0, 0).wait_for(is_verdict) is None
    assert not listener.running
    with pytest.raises(ListenerFailed, match="ZeroDivisionError"):
        listener.listen(0, 0)
    await listener.stop()
