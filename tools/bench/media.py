#!/usr/bin/env python3
"""Measures calls held with audio: frames, ticks, CPU and memory per call, with and without detection and a busy thread.

    python tools/bench/media.py [--calls 500] [--seconds 20] [--codec PCMU] [--json FILE]

The far end is a user agent of our own in another process; it speaks on every call, and we speak to it. Exit status 0
only when no frame is lost by us, the p99 tick is within 40 ms, memory is within 0.5 MB a call, and all is given back.
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from listener import Listener
from peer import Answering
from process import Usage
from sound import speech_like

from dialer.telephony import DialRequest, Gateway, Leg, Playlist, RtpStats, UserAgent, UserAgentSettings

FRAME = 160
FRAMES_PER_S = 50
SETUP_PER_S = 100
BAR_P99_TICK_MS = 40.0
BAR_MEMORY_MB = 0.5
GOAL_CPU_PCT = 0.16
ROWS_WATCHED = 50
COLUMNS = {
    "phase": "phase",
    "expected": "frames expected",
    "taken": "taken",
    "heard": "heard",
    "lost_by_us": "lost by us",
    "late": "late packets",
    "concealed": "concealed",
    "tick_p50_ms": "tick p50 ms",
    "tick_p99_ms": "p99",
    "tick_max_ms": "max",
    "round_p99_ms": "listener p99 ms",
    "cpu_cores": "cores",
    "cpu_pct_per_call": "% of a core per call",
}


@dataclass(frozen=True, slots=True)
class Phase:
    """One measurement with the calls up."""

    name: str
    detection: bool
    busy: bool


PHASES = (
    Phase("tap", detection=False, busy=False),
    Phase("tap, busy thread", detection=False, busy=True),
    Phase("detection", detection=True, busy=False),
    Phase("detection, busy thread", detection=True, busy=True),
)


@dataclass(frozen=True, slots=True)
class Held:
    """The calls that are measured."""

    ua: UserAgent
    legs: list[Leg]

    @property
    def rows(self) -> np.ndarray:
        """Their rows of the tap, int64 [k]."""
        return np.array([leg.tap_row for leg in self.legs])

    def written(self) -> np.ndarray:
        """Samples written so far, int64 [k]."""
        return np.array([self.ua.taps.written(row) for row in self.rows])

    def overrun(self) -> int:
        """Frames overwritten before they were read."""
        return int(self.ua.taps.figures()[self.rows, 5].sum())

    async def rtp(self) -> list[RtpStats]:
        """RTP figures of each call."""
        return [await leg.rtp() for leg in self.legs]

    def ticks_ms(self) -> np.ndarray:
        """Milliseconds between the frames of the last second, as the clock thread stamped them."""
        taps, found = self.ua.taps, []
        for row in self.rows[:: max(1, len(self.rows) // ROWS_WATCHED)]:
            end = taps.written(row)
            found.append(-np.diff([taps.frame_time(row, end - FRAME * (n + 1)) for n in range(FRAMES_PER_S)]) * 1000)
        return np.concatenate(found)


@contextlib.contextmanager
def busy_thread(wanted: bool) -> Iterator[None]:
    """Runs a Python thread that never pauses."""
    halt = threading.Event()

    def burn() -> None:
        number = 0
        while not halt.is_set():
            for _ in range(100_000):
                number += 1

    if wanted:
        threading.Thread(target=burn, daemon=True).start()
    try:
        yield
    finally:
        halt.set()


async def call_up(ua: UserAgent, count: int, sound: Path) -> Held:
    """Sets up the calls and speaks on each."""
    legs = []
    start = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / SETUP_PER_S - time.monotonic()))
        legs.append(await ua.dial(DialRequest("far", f"7{number:05d}")))
    for leg in legs:
        if not await asyncio.wait_for(leg.answered(), 20):
            raise SystemExit(f"a call was not answered: {leg.end}")
        await leg.play(Playlist([sound], loop=True))
    await asyncio.sleep(2)
    return Held(ua, legs)


async def measure(held: Held, phase: Phase, seconds: float, tick_s: float) -> dict[str, Any]:
    """Measures one phase."""
    rtp_before, overrun_before = await held.rtp(), held.overrun()
    listener = Listener(held.ua.taps, held.rows, detect=phase.detection, tick_s=tick_s)
    with busy_thread(phase.busy):
        begun, usage, written = time.monotonic(), Usage.now(), held.written()
        listener.start()
        ticks = []
        for _ in range(int(seconds)):
            await asyncio.sleep(1)
            ticks.append(held.ticks_ms())
        took, used, frames = time.monotonic() - begun, Usage.now(), (held.written() - written) // FRAME
        listener.stop()
    late = sum(b.discarded - a.discarded for a, b in zip(rtp_before, await held.rtp(), strict=True))
    expected = int(took * FRAMES_PER_S) * len(held.legs)
    overrun = held.overrun() - overrun_before
    tick = np.concatenate(ticks)
    cores = (used.cpu_s - usage.cpu_s) / took
    missing = max(0, expected - int(frames.sum()) - len(held.legs))  # one frame more or less by where the clocks stand
    return {
        "phase": phase.name,
        "calls": len(held.legs),
        "expected": expected,
        "taken": int(frames.sum()),
        "heard": listener.heard,
        "lost_by_us": missing + overrun,
        "late": late,
        "concealed": listener.concealed,
        "tick_p50_ms": percentile(tick, 50),
        "tick_p99_ms": percentile(tick, 99),
        "tick_max_ms": percentile(tick, 100),
        "round_p99_ms": percentile(np.array(listener.rounds_ms), 99),
        "cpu_cores": round(cores, 3),
        "cpu_pct_per_call": round(100 * cores / len(held.legs), 4),
        "listener_cores": round(listener.cpu_s / took, 3),
        "findings": listener.findings,
    }


def percentile(values: np.ndarray, percent: float) -> float:
    """Gives a percentile, one digit after the point."""
    return round(float(np.percentile(values, percent)), 1)


async def hang_up(held: Held) -> None:
    """Ends the calls and waits until all is given back."""
    for leg in held.legs:
        await leg.hangup()
    await asyncio.wait([leg.ended for leg in held.legs], timeout=20)
    async with asyncio.timeout(10):
        while held.ua.channels.in_use or held.ua.taps.rows_in_use:  # noqa: ASYNC110 - the clock thread gives rows back
            await asyncio.sleep(0.1)


async def run(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs all phases; prints and gives the results."""
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        sound = speech_like(Path(folder) / "speech.wav")
        with Answering(sound, args.calls) as far:
            gateway = Gateway("far", f"sip:127.0.0.1:{far.port}", options_ping_s=0, codecs=(args.codec,))
            ua = UserAgent(UserAgentSettings(gateways={"far": gateway}, max_channels=args.calls, rtp_timeout_s=0))
            await ua.start()
            try:
                await hang_up(await call_up(ua, 1, sound))  # what is made once is made now
                idle = Usage.now()
                held = await call_up(ua, args.calls, sound)
                up = Usage.now()
                print("  ".join(COLUMNS.values()))
                for phase in PHASES:
                    results.append(await measure(held, phase, args.seconds, args.tick_ms / 1000))
                    print(
                        "  ".join(str(results[-1][name]).rjust(len(title)) for name, title in COLUMNS.items()),
                        flush=True,
                    )
                await hang_up(held)
                results.append(left_over(ua, idle, up, args.calls))
            finally:
                await ua.stop()
    return results


def left_over(ua: UserAgent, idle: Usage, up: Usage, calls: int) -> dict[str, Any]:
    """Gives, and prints, what is not back to idle after the calls."""
    after = Usage.now()
    found: dict[str, Any] = {
        "memory_per_call_mb": round((up.memory_mb - idle.memory_mb) / calls, 3),
        "legs": ua.channels.in_use,
        "rows": ua.taps.rows_in_use,
        "descriptors": after.descriptors - idle.descriptors,
        "threads": after.threads - idle.threads,
    }
    print(
        "memory per call {memory_per_call_mb} MB; after: {legs} legs, {rows} rows, {descriptors} descriptors, "
        "{threads} threads more than before".format(**found)
    )
    return found


def holds(results: list[dict[str, Any]]) -> bool:
    """True when the bars hold; prints those that do not."""
    *phases, after = results
    broken = [f"{p['phase']}: {p['lost_by_us']} frames lost by us" for p in phases if p["lost_by_us"]]
    broken += [f"{p['phase']}: p99 tick {p['tick_p99_ms']} ms" for p in phases if p["tick_p99_ms"] > BAR_P99_TICK_MS]
    left = ("legs", "rows", "descriptors", "threads")
    broken += [f"{name} not given back: {after[name]}" for name in left if after[name] > 0]
    if after["memory_per_call_mb"] > BAR_MEMORY_MB:
        broken.append(f"memory per call {after['memory_per_call_mb']} MB")
    for line in broken:
        print(f"BAR BROKEN: {line}")
    print(f"goal of {GOAL_CPU_PCT} % of a core per call with detection: {phases[2]['cpu_pct_per_call']} %")
    return not broken


def main() -> int:
    """Runs the command line; gives the exit status."""
    parser = argparse.ArgumentParser(description="Measures calls held with audio.")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=15.0, help="per phase")
    parser.add_argument("--tick-ms", type=float, default=20.0, help="between two rounds of the listener")
    parser.add_argument("--codec", default="PCMU")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = asyncio.run(run(args))
    if args.json:
        args.json.write_text(json.dumps(results, indent=2))
    return 0 if holds(results) else 1


if __name__ == "__main__":
    sys.exit(main())
