"""Plays the whole table: all rows at once, as far as their options allow."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.lab import LabProcess
from tools.results.device import Devices
from tools.results.peer import Peers
from tools.results.row import Row
from tools.results.seen import Seen
from tools.results.stage import Stage, stage
from tools.results.table import FAULTY, KILLED, OCCUPIER, STEADY, STOPPED

Outcomes = dict[str, Seen | BaseException]


@dataclass(frozen=True, slots=True)
class Run:
    """The table, played.

    Attributes:
        outcomes: what became of each row, by its key; an exception where it came to nothing.
        traceback: what the log tells of errors that no row asked for; empty when there are none.
    """

    outcomes: Outcomes
    traceback: str

    def differences(self, row: Row) -> list[str]:
        """What is not as the row expects, in words; empty when all is."""
        seen = self.outcomes[row.key]
        return seen.differences(row) if isinstance(seen, Seen) else [f"{type(seen).__name__}: {seen}"]


async def play_all() -> Run:
    """Plays all rows."""
    with tempfile.TemporaryDirectory(prefix="results-") as name:
        folder = Path(name)
        peers = Peers(folder)
        try:
            peers.start()
            async with LabProcess() as lab, Devices() as devices:
                pushes = f'[push.http.app]\nurl = "http://127.0.0.1:{devices.port}/"'
                steady, mortal = await asyncio.gather(
                    play_steady(folder / "steady", lab, peers, pushes), play_mortal(folder / "mortal", lab, peers)
                )
            told = (folder / "steady" / "dialer.log").read_text()
        finally:
            peers.stop()
    _, found, traceback = told.partition("Traceback")
    return Run(steady | mortal, (found + traceback)[:3000])


async def play_steady(folder: Path, lab: LabProcess, peers: Peers, tables: str) -> Outcomes:
    """All rows that one dialer can play beside each other."""
    async with stage(folder, lab, peers.ports, (*STEADY, OCCUPIER), tables) as here:
        return await play(here, STEADY)


async def play_mortal(folder: Path, lab: LabProcess, peers: Peers) -> Outcomes:
    """Rows of a dialer with a fault, that is killed, started again, and stopped; it writes the old reason names."""
    rows, tables = (*FAULTY, *KILLED, *STOPPED), "[compat]\nlegacy_reason_names = true"
    async with stage(folder, lab, peers.ports, rows, tables, "tools.results.faulty") as here:
        faulty, _ = await asyncio.gather(play(here, FAULTY), play(here, KILLED, begin_only=True))
        await here.dialer.end(signal.SIGKILL)
        await here.dialer.start()
        killed = await asyncio.gather(*(here.finish(row) for row in KILLED), return_exceptions=True)
        await play(here, STOPPED, begin_only=True)
        await here.dialer.end(signal.SIGTERM)
        stopped = await asyncio.gather(*(here.finish(row) for row in STOPPED), return_exceptions=True)
    return faulty | by_key(KILLED, killed) | by_key(STOPPED, stopped)


async def play(here: Stage, rows: tuple[Row, ...], *, begin_only: bool = False) -> Outcomes:
    """Plays rows beside each other; `begin_only`: up to the point where something is done to the dialer."""
    step = here.begin if begin_only else here.play
    return by_key(rows, await asyncio.gather(*(step(row) for row in rows), return_exceptions=True))


def by_key(rows: tuple[Row, ...], found: Sequence[Seen | BaseException]) -> Outcomes:
    """Outcomes by their row's key."""
    return {row.key: seen for row, seen in zip(rows, found, strict=True)}
