#!/usr/bin/env python3
"""Measures calls held with audio: frames, ticks, CPU and memory per call, with and without detection and a busy thread.

    python tools/bench/media.py [--calls 500] [--seconds 20] [--codec PCMU] [--json FILE]

The far end is a user agent of our own in another process; it speaks on every call, and every leg plays. Exit status 0
only when no frame is lost by us, the p99 tick is within 40 ms, and all is given back after the calls.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import threading
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from peer import Answering
from process import Usage

from dialer.telephony import DialRequest, Gateway, Leg, Playlist, UserAgent, UserAgentSettings

RATE = 8000
FRAME = 160
TICK_S = 0.02
SETUP_PER_S = 100
BAR_P99_TICK_MS = 40.0
GOAL_CPU_PCT = 0.16
BAR_MEMORY_MB = 0.5


@dataclass(frozen=True, slots=True)
class Phase:
    """One measurement with the calls up."""

    name: str
    detection: bool
    busy: bool


PHASES = (
    Phase("tap only", False, False),
    Phase("tap, busy thread", False, True),
    Phase("detection", True, False),
    Phase("detection, busy thread", True, True),
)


class Listener(threading.Thread):
    """Takes the new audio of all legs every 20 ms; with a bank it listens to it too."""

    def __init__(self, ua: UserAgent, legs: list[Leg], bank: object | None) -> None:
        super().__init__(name="listener", daemon=True)
        self.taps = ua.taps
        self.index = np.array([leg.tap_row for leg in legs])
        self.bank = bank
        self.frames = np.zeros(len(legs), np.int64)
        self.lost = np.zeros(len(legs), np.int64)
        self.silence = np.zeros(len(legs), np.int64)
        self.cpu_s = 0.0
        self.rounds: list[float] = []
        self.findings = 0
        self.halt = threading.Event()

    def run(self) -> None:
        """Listens until told to stop."""
        cursors = np.array([self.taps.written(row) for row in self.index], np.uint64)
        while not self.halt.is_set():
            begun = time.monotonic()
            block = self.taps.take(self.index, cursors)
            cursors = block.cursors
            self.frames += block.counts // FRAME
            self.lost += np.count_nonzero(block.flags == 1, axis=1)
            self.silence += np.count_nonzero(block.flags == 2, axis=1)
            if self.bank is not None and block.counts.any():
                self.findings += len(self.bank.push_rows(self.index, block.samples, block.counts, block.lost))  # type: ignore[attr-defined]
            took = time.monotonic() - begun
            self.rounds.append(took * 1000)
            self.halt.wait(max(0.001, TICK_S - took))
        self.cpu_s = time.thread_time()


def burn(halt: threading.Event) -> None:
    """A Python thread that never pauses."""
    number = 0
    while not halt.is_set():
        for _ in range(100_000):
            number += 1


def speech_like(path: Path) -> None:
    """Writes ten seconds of noise in syllables."""
    rng = np.random.default_rng(1)
    at = np.arange(10 * RATE) / RATE
    voice = sum(
        np.sin(2 * np.pi * f * at + rng.uniform(0, 6)) / (i + 1) for i, f in enumerate((130, 260, 390, 520, 1100, 2300))
    )
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * at) + 0.3 * np.sin(2 * np.pi * 0.7 * at), 0, 1)
    samples = (3000 * voice * syllables + rng.normal(0, 30, len(at))).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())


def detectors(rows: int) -> object | None:
    """Gives a bank of detectors, None while there are none."""
    try:
        from dialer.detection import DetectorBank  # noqa: PLC0415
    except ImportError:
        return None
    return DetectorBank(channels=rows)


async def call_up(ua: UserAgent, count: int, sound: Path) -> list[Leg]:
    """Sets up the calls."""
    legs = []
    start = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / SETUP_PER_S - time.monotonic()))
        legs.append(await ua.dial(DialRequest("far", f"7{number:05d}")))
    for leg in legs:
        assert await asyncio.wait_for(leg.answered(), 20), leg.end
        await leg.play(Playlist([sound], loop=True))
    await asyncio.sleep(2)
    return legs


async def measure(ua: UserAgent, legs: list[Leg], phase: Phase, seconds: float) -> dict[str, object]:
    """Measures one phase."""
    bank = detectors(ua.taps.rows) if phase.detection else None
    if bank is not None:
        for leg in legs:
            bank.open(leg.tap_row, phase="answered")  # type: ignore[attr-defined]
    halt = threading.Event()
    burner = threading.Thread(target=burn, args=(halt,), daemon=True)
    before_rtp = [await leg.rtp() for leg in legs]
    listener = Listener(ua, legs, bank)
    overrun_before = ua.taps.figures()[listener.index, 5].sum()
    written_before = np.array([ua.taps.written(row) for row in listener.index])
    usage, wall = Usage.now(), time.monotonic()
    listener.start()
    if phase.busy:
        burner.start()
    ticks: list[np.ndarray] = []
    slots = ua.taps.capacity // FRAME
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        ticks.append(intervals(ua, listener.index, min(50, slots - 2)))
    used, took = Usage.now(), time.monotonic() - wall
    written = np.array([ua.taps.written(row) for row in listener.index]) - written_before
    halt.set()
    listener.halt.set()
    listener.join()
    after_rtp = [await leg.rtp() for leg in legs]
    tick = np.concatenate(ticks) * 1000
    cpu = (used.cpu_s - usage.cpu_s) / took
    return {
        "phase": phase.name,
        "calls": len(legs),
        "seconds": round(took, 1),
        "frames_expected": int(took * 50) * len(legs),
        "frames": int(written.sum()) // FRAME,
        "normal": int((listener.frames - listener.lost - listener.silence).sum()),
        "lost": int(listener.lost.sum()),
        "empty": int(listener.silence.sum()),
        "overrun": int(ua.taps.figures()[listener.index, 5].sum() - overrun_before),
        "late_discards": sum(b.discarded - a.discarded for a, b in zip(before_rtp, after_rtp, strict=True)),
        "rtp_lost": sum(b.rx_lost - a.rx_lost for a, b in zip(before_rtp, after_rtp, strict=True)),
        "tick_p50_ms": round(float(np.percentile(tick, 50)), 1),
        "tick_p99_ms": round(float(np.percentile(tick, 99)), 1),
        "tick_max_ms": round(float(tick.max()), 1),
        "listener_p99_ms": round(float(np.percentile(listener.rounds, 99)), 1),
        "cpu_cores": round(cpu, 3),
        "listener_cores": round(listener.cpu_s / took, 3),
        "cpu_pct_per_call": round(100 * cpu / len(legs), 4),
        "findings": listener.findings,
    }


def intervals(ua: UserAgent, index: np.ndarray, frames: int) -> np.ndarray:
    """Gives the seconds between the newest frames of the rows, as the clock thread stamped them."""
    stamps = []
    for row in index[:: max(1, len(index) // 50)]:
        end = ua.taps.written(row)
        times = [ua.taps.frame_time(row, end - FRAME * (n + 1)) for n in range(frames)]
        stamps.append(-np.diff(times))
    return np.concatenate(stamps)


async def run(args: argparse.Namespace) -> list[dict[str, object]]:
    """Runs all phases; prints and gives the results."""
    results: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sound = Path(folder) / "speech.wav"
        speech_like(sound)
        far = stack.enter_context(Answering(sound, args.calls))
        gateway = Gateway("far", f"sip:127.0.0.1:{far.port}", options_ping_s=0, codecs=(args.codec,))
        ua = UserAgent(UserAgentSettings(gateways={"far": gateway}, max_channels=args.calls, rtp_timeout_s=0))
        await ua.start()
        try:
            idle = Usage.now()
            legs = await call_up(ua, args.calls, sound)
            up = Usage.now()
            for phase in PHASES:
                results.append(await measure(ua, legs, phase, args.seconds))
                print(json.dumps(results[-1]), flush=True)
            for leg in legs:
                await leg.hangup()
            await asyncio.wait([leg.ended for leg in legs], timeout=20)
            await settled(ua)
            results.append(
                {
                    "phase": "after",
                    "memory_per_call_mb": round((up.memory_mb - idle.memory_mb) / args.calls, 3),
                    "legs": ua.channels.in_use,
                    "rows": ua.taps.rows_in_use,
                    "descriptors": Usage.now().descriptors - idle.descriptors,
                    "threads": Usage.now().threads - idle.threads,
                }
            )
            print(json.dumps(results[-1]))
        finally:
            await ua.stop()
    return results


async def settled(ua: UserAgent, limit_s: float = 10) -> None:
    """Waits until no leg and no row is in use."""
    async with asyncio.timeout(limit_s):
        while ua.channels.in_use or ua.taps.rows_in_use:  # noqa: ASYNC110 - rows are given back by the clock thread
            await asyncio.sleep(0.1)


def main() -> int:
    """Runs the command line; gives the exit status."""
    parser = argparse.ArgumentParser(description="Measures calls held with audio.")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=15.0, help="per phase")
    parser.add_argument("--codec", default="PCMU")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = asyncio.run(run(args))
    if args.json:
        args.json.write_text(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
