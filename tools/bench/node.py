#!/usr/bin/env python3
"""Measures the whole dialer at work: claim, T30 and attempt row, INVITE, 486, result and retry decision in the store.

    python tools/bench/node.py [--calls 9000] [--rate 400] [--durable power]

The far end is a SIPp at which everybody is busy, so agents are never needed; callbacks are booked before. Prints dials
per second, the time from the commit of the attempt's row to its INVITE, and CPU. No bar is tested here; `signalling.py`
does that.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from peer import Sipp
from process import Usage

from dialer.callback.record import NewCallback
from dialer.callback.state import Actor
from dialer.config import DialerConfig, load
from dialer.events import AttemptEnded, AttemptStarted, Event, Step
from dialer.node import open_dialer, open_store

AGENTS = 400
BUSY = Path(__file__).with_name("busy_uas.xml")


def configuration(folder: Path, port: int, rate: float, durable: str) -> DialerConfig:
    """A dialer.toml with many agents on one skill."""
    agents = "\n".join(
        f'[agent.a{number}]\naddress = "sip:{7000 + number}"\nskills = {{ Sales = 5 }}\nstate = "READY"'
        for number in range(AGENTS)
    )
    path = folder / "dialer.toml"
    path.write_text(
        f"""
[db]
url = "sqlite+aiosqlite:///{folder / "bench.db"}"
durable = "{durable}"
[sip]
listen_host = "127.0.0.1"
udp_port = 0
[dial]
calls_per_second = {rate}
max_channels = 1000
[gateway.sipp]
uri = "sip:127.0.0.1:{port}"
options_ping_s = 0
[route_point."8999@Bench"]
gateway = "sipp"
caller_number = "8999"
[service.bench]
route_point = "8999@Bench"
dial_prefix = "91"
target = "?:Sales>0@S.GA"
dial_attempts = 1
{agents}
"""
    )
    return load(path)


async def booked(config: DialerConfig, calls: int) -> None:
    """Puts callbacks into the store, as booking would."""
    async with open_store(config) as store:
        now = datetime.now(UTC)
        target = config.services["bench"].target
        for start in range(0, calls, 200):
            await asyncio.gather(*(
                store.create(
                    NewCallback(
                        service="bench", customer_number=f"+1650{n:07d}", number_e164=f"+1650{n:07d}", target=target
                    ),
                    event="T01", actor=Actor.API, now=now,
                )
                for n in range(start, min(start + 200, calls))
            ))  # fmt: skip


async def measure(args: argparse.Namespace) -> None:
    """Runs the dialer until all are dialled, and prints the table."""
    with tempfile.TemporaryDirectory() as name, Sipp("-sf", str(BUSY)) as sipp:
        config = configuration(Path(name), sipp.port, args.rate, args.durable)
        await booked(config, args.calls)
        begun: dict[str, float] = {}
        to_invite: list[float] = []
        results: Counter[str] = Counter()
        done = asyncio.Event()

        def follow(event: Event) -> None:
            match event:
                case AttemptStarted(callback=callback):
                    begun[callback.id] = time.monotonic()
                case Step(callback_id=callback_id, entry=entry) if entry.text.startswith("INVITE"):
                    to_invite.append((time.monotonic() - begun[callback_id]) * 1000)
                case AttemptEnded(callback=callback):
                    results[callback.call_result.name] += 1
                    if results.total() >= args.calls:
                        done.set()
                case _:
                    pass

        async with open_dialer(config) as dialer:
            dialer.house.bus.subscribe(follow)
            before, start = Usage.now(), time.monotonic()
            async with asyncio.timeout(args.calls / 20 + 30):
                await done.wait()
            took, after = time.monotonic() - start, Usage.now()
        rows = {
            "dials": results.total(),
            "results": dict(results),
            "dials per second": round(results.total() / took, 1),
            "row committed to INVITE, ms": {p: round(float(np.percentile(to_invite, p)), 2) for p in (50, 95, 99)},
            "CPU, cores": round((after.cpu_s - before.cpu_s) / took, 2),
            "memory, MB": (before.memory_mb, after.memory_mb),
            "descriptors, threads": ((before.descriptors, before.threads), (after.descriptors, after.threads)),
            "durable": args.durable,
        }
        for title, value in rows.items():
            print(f"{title:28} {value}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measures the whole dialer.")
    parser.add_argument("--calls", type=int, default=9000)
    parser.add_argument("--rate", type=float, default=400.0, help="calls per second allowed")
    parser.add_argument("--durable", choices=("process", "power"), default="process")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
