#!/usr/bin/env python3
"""Measures calls set up per second, and how long it takes from ua.dial() to the INVITE on the wire.

    python tools/bench/signalling.py [--rate 300] [--seconds 60] [--store DB_URL] [--json FILE]

The far end is SIPp in a process of its own on the same machine. Each call is dialled, answered, and hung up. With
--store an attempt row is committed before each INVITE, as the dialer does. Exit status 0 only when the bars hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from peer import Sipp
from process import Usage
from rows import Rows, rows_in

from dialer.telephony import DialRequest, Gateway, UserAgent, UserAgentSettings

BAR_RATE = 150.0
BAR_P95_MS = 50.0
CHANNELS = 1500


@dataclass(slots=True)
class Tally:
    """What was measured, times in ms."""

    placed: int = 0
    answered: int = 0
    failed: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    to_invite_ms: list[float] = field(default_factory=list)
    to_commit_ms: list[float] = field(default_factory=list)
    to_answer_ms: list[float] = field(default_factory=list)


class Bench:
    """Places calls at a steady rate.

    Args:
        ua: the user agent.
        rate: calls per second.
        hold_s: from the answer to the hang-up.
        rows: keeps an attempt's row for each call, committed before it is dialled.
    """

    def __init__(self, ua: UserAgent, rate: float, hold_s: float, rows: Rows) -> None:
        self.ua = ua
        self.rate = rate
        self.hold_s = hold_s
        self.rows = rows
        self.tally = Tally()

    async def run(self, seconds: float) -> float:
        """Runs; gives the seconds that placing the calls took."""
        start = time.monotonic()
        calls: set[asyncio.Task[None]] = set()
        for number in range(int(seconds * self.rate)):
            due = start + number / self.rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._call(number))
            calls.add(task)
            task.add_done_callback(calls.discard)
        took = time.monotonic() - start
        if calls:
            await asyncio.wait(calls, timeout=20)
        return took

    async def _call(self, number: int) -> None:
        tally = self.tally
        begun = time.monotonic()
        row = await self.rows.begin()
        dialled = time.monotonic()
        tally.to_commit_ms.append((dialled - begun) * 1000)
        leg = await self.ua.dial(DialRequest("sipp", f"9{number:07d}", from_user="bench"))
        tally.placed += 1
        invite = leg.timestamps.invite
        if invite is not None:
            tally.to_invite_ms.append((invite.mono - dialled) * 1000)
        if await leg.answered():
            tally.answered += 1
            answer = leg.timestamps.answer
            if answer is not None:
                tally.to_answer_ms.append((answer.mono - dialled) * 1000)
            await asyncio.sleep(self.hold_s)
            await leg.hangup()
        end = await leg.ended
        await self.rows.end(row)
        if end.times.answer is None:
            tally.failed += 1
            tally.causes[end.cause] = tally.causes.get(end.cause, 0) + 1


async def measure(args: argparse.Namespace) -> dict[str, object]:
    """Runs the bench; gives the result."""
    with Sipp("-sn", "uas", "-rtp_echo") as sipp:
        gateway = Gateway("sipp", f"sip:127.0.0.1:{sipp.port}", options_ping_s=0, codecs=("PCMU",))
        ua = UserAgent(UserAgentSettings(gateways={"sipp": gateway}, max_channels=CHANNELS, tap_seconds=1.0))
        await ua.start()
        idle = Usage.now()
        try:
            async with rows_in(args.store, args.durable) as rows:
                bench = Bench(ua, args.rate, args.hold, rows)
                took = await bench.run(args.seconds)
            busy = Usage.now()
            await settled(ua)
            after = Usage.now()
            return report(bench.tally, took, idle, busy, after, ua)
        finally:
            await ua.stop()


async def settled(ua: UserAgent, limit_s: float = 10) -> None:
    """Waits until no leg and no row is in use."""
    async with asyncio.timeout(limit_s):
        while ua.channels.in_use or ua.taps.rows_in_use:  # noqa: ASYNC110 - rows are given back by the clock thread
            await asyncio.sleep(0.1)


def spread(values: list[float]) -> dict[str, float]:
    """Gives percentiles of times in ms."""
    if not values:
        return {}
    return {
        name: round(float(np.percentile(values, p)), 2)
        for name, p in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100))
    }


def report(tally: Tally, took: float, idle: Usage, busy: Usage, after: Usage, ua: UserAgent) -> dict[str, object]:
    """Makes the result and prints it."""
    result: dict[str, object] = {
        "calls": tally.placed,
        "answered": tally.answered,
        "failed": tally.failed,
        "causes": tally.causes,
        "seconds": round(took, 1),
        "calls_per_second": round(tally.answered / took, 1),
        "commit_ms": spread(tally.to_commit_ms),
        "dial_to_invite_ms": spread(tally.to_invite_ms),
        "dial_to_answer_ms": spread(tally.to_answer_ms),
        "cpu_cores": round((busy.cpu_s - idle.cpu_s) / took, 2),
        "legs_after": ua.channels.in_use,
        "rows_after": ua.taps.rows_in_use,
        "idle": asdict(idle),
        "after": asdict(after),
    }
    for name, value in result.items():
        print(f"{name:20} {value}")
    return result


def main() -> int:
    """Runs the command line; gives the exit status."""
    parser = argparse.ArgumentParser(description="Measures call set-up.")
    parser.add_argument("--rate", type=float, default=300.0, help="calls per second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--hold", type=float, default=0.2, help="seconds from answer to hang-up")
    parser.add_argument(
        "--store", metavar="URL", help='commit an attempt row before each INVITE: "sqlite" or an address'
    )
    parser.add_argument("--durable", choices=("process", "power"), default="process")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = asyncio.run(measure(args))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2))
    invite = result["dial_to_invite_ms"]
    good = float(result["calls_per_second"]) >= min(BAR_RATE, args.rate * 0.95) and invite["p95"] <= BAR_P95_MS  # type: ignore[arg-type,index]
    print("bars hold" if good and not result["failed"] else "BARS DO NOT HOLD")
    return 0 if good and not result["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
