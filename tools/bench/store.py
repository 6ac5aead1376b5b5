"""Measures the store: attempts begun and ended by many writers at once, durable before each one goes on.

    python tools/bench/store.py [--writers 200] [--seconds 5] [--only sqlite/process]

Each writer does what a call does: `begin_attempt` (its row committed before the INVITE would leave), then `end_attempt`
with a retry, then the retry is claimed by `transition`. Prints pairs per second, the latency of begin and end as the
caller sees it, and the processor time that all of it took.
"""

import argparse
import asyncio
import importlib.util
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from dialer.callback.call_result import CallResult
from dialer.callback.record import AttemptResult, Callback, JournalEntry, NewCallback
from dialer.store import Store

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Measured:
    """One line of the table."""

    database: str
    durable: str
    writers: int
    rate: float | None
    pairs: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    transactions: int = 0
    writes: int = 3
    begin_ms: list[float] = field(default_factory=list)
    end_ms: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """As printed."""
        return {
            "database": self.database,
            "durable": self.durable,
            "writers": self.writers,
            "offered_per_s": self.rate or "all",
            "attempts_per_s": round(self.pairs / self.seconds, 1),
            "begin_p50_ms": round(statistics.median(self.begin_ms), 2),
            "begin_p95_ms": round(_percentile(self.begin_ms, 95), 2),
            "end_p50_ms": round(statistics.median(self.end_ms), 2),
            "end_p95_ms": round(_percentile(self.end_ms, 95), 2),
            "cores": round(self.cpu_s / self.seconds, 3),
            "writes_per_commit": round(self.writes * self.pairs / self.transactions, 1),
        }


def _percentile(values: list[float], percent: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, round(len(ranked) * percent / 100))]


async def _prepare(store: Store, writers: int) -> list[Callback]:
    now = datetime.now(UTC)
    new = [
        NewCallback(service="bench", customer_number=f"+1650{n:07d}", number_e164=f"+1650{n:07d}")
        for n in range(writers)
    ]
    await asyncio.gather(*(store.create(one, event="T01", actor="api", now=now) for one in new))
    return await store.claim(now=now, limit=writers, lease_s=3600)


async def _call(store: Store, callback: Callback, measured: Measured, steps: int) -> Callback:
    now = datetime.now(UTC)
    start = time.perf_counter()
    callback, attempt = await store.begin_attempt(callback.id, callback.version, now=now, lease_s=3600)
    begun = time.perf_counter()
    result = AttemptResult(call_result=CallResult.BUSY, sip_status=486, evidence={"rx_packets": 0})
    callback = await store.end_attempt(
        attempt,
        event="T32",
        actor="engine",
        now=now,
        result=result,
        changes={"next_dial_at": now + timedelta(seconds=1)},
    )
    measured.begin_ms.append((begun - start) * 1000)
    measured.end_ms.append((time.perf_counter() - begun) * 1000)
    measured.pairs += 1
    if steps:
        entry = JournalEntry(at=now, t_ms=12.5, kind="sip", text="180 Ringing", attempt=attempt.n, data={"status": 180})
        await store.add_journal(callback.id, [entry] * steps)
    return await store.transition(callback.id, callback.version, "T33", actor="engine", now=now)


async def _writer(
    store: Store, callback: Callback, measured: Measured, until: float, first: float, pause: float, steps: int
) -> None:
    due = first
    while time.perf_counter() < until:
        if pause:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            due += pause
        callback = await _call(store, callback, measured, steps)


async def measure(
    url: str, database: str, durable: Any, writers: int, seconds: float, rate: float | None, steps: int = 0
) -> Measured:
    """Run the writers; `rate` attempts per second are offered, or as many as go through, each with journal `steps`."""
    store = await Store.open(url, durable=durable)
    callbacks = await _prepare(store, writers)
    measured = Measured(database, durable, writers, rate, writes=4 if steps else 3)
    before, usage = store.transactions, resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    pause = writers / rate if rate else 0.0
    await asyncio.gather(
        *(
            _writer(store, callback, measured, start + seconds, start + pause * n / writers, pause, steps)
            for n, callback in enumerate(callbacks)
        )
    )
    measured.seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    measured.cpu_s = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    measured.transactions = store.transactions - before
    await store.close()
    return measured


def _postgres_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("postgres", ROOT / "tools" / "postgres.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _databases(only: str, folder: str) -> Iterator[list[tuple[str, str, str]]]:
    """Name, durability and address of each database that is measured."""
    wanted = [
        name for name in ("sqlite/process", "sqlite/power", "postgresql/process", "postgresql/power") if only in name
    ]
    lines = [
        (name.partition("/")[0], name.partition("/")[2], f"sqlite+aiosqlite:///{folder}/{name.replace('/', '-')}.db")
        for name in wanted
    ]
    if not any(name.startswith("postgresql") for name in wanted):
        yield lines
        return
    with _postgres_module().cluster(fsync=True) as cluster:
        yield [
            (kind, durable, cluster.create_database(durable) if kind == "postgresql" else url)
            for kind, durable, url in lines
        ]


def main() -> None:
    """Print the table; `--json` prints one object per line."""
    parser = argparse.ArgumentParser(description="measure the callback store")
    parser.add_argument("--writers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--rate", type=float, default=None, help="attempts offered per second; default: all that go through"
    )
    parser.add_argument(
        "--only", default="", help="part of sqlite/process, sqlite/power, postgresql/process, postgresql/power"
    )
    parser.add_argument("--folder", default=None, help="where the SQLite files are made; default: a temporary folder")
    parser.add_argument("--journal", type=int, default=0, help="journal entries per attempt, written together")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, _databases(options.only, folder) as databases:
        rows = []
        for kind, durable, url in databases:
            measured = asyncio.run(
                measure(url, kind, durable, options.writers, options.seconds, options.rate, options.journal)
            )
            rows.append(measured.row())
            if options.json:
                print(json.dumps(rows[-1]), flush=True)
    if not options.json:
        _print_table(rows)


def _print_table(rows: list[dict[str, Any]]) -> None:
    if not rows:
        sys.exit("nothing of that name is measured")
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    print("  ".join(name.rjust(width) for name, width in widths.items()))
    for row in rows:
        print("  ".join(str(row[name]).rjust(width) for name, width in widths.items()))


if __name__ == "__main__":
    main()
