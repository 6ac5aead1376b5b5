"""Plays the whole table: all rows at once, as far as their options allow."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.callback.call_result import CALL_RESULTS, CallResult
from dialer.lab import LabProcess
from dialer.lab.caller import Callers
from tools.results.device import Devices
from tools.results.peer import Peers
from tools.results.row import Row
from tools.results.seen import Seen
from tools.results.stage import Stage, stage
from tools.results.table import CODES, FAULTY, KILLED, OCCUPIER, SILENCED, STEADY, STOPPED

BETWEEN_S = 0.15  # one row after the other begins, so that a slow machine can hear them all
Outcomes = dict[str, Seen | BaseException]


STORED = (CallResult.OK, *(code for code, info in CALL_RESULTS.items() if not info.producers))
"""Results that interactions are added with: that of one without a call, and those that no call ends with."""


@dataclass(frozen=True, slots=True)
class Run:
    """The table, played.

    Attributes:
        outcomes: what became of each row, by its key; an exception where it came to nothing.
        kept: call_result that the interaction resource shows, by that with which an interaction was added.
        traceback: what the log tells of errors that no row asked for; empty when there are none.
    """

    outcomes: Outcomes
    kept: dict[int, int]
    traceback: str

    def differences(self, row: Row) -> list[str]:
        """What is not as the row expects, in words; empty when all is."""
        seen = self.outcomes[row.key]
        return seen.differences(row) if isinstance(seen, Seen) else [f"{type(seen).__name__}: {seen}"]


async def play_all(keys: Collection[str] = ()) -> Run:
    """Plays all rows, or those named."""
    with tempfile.TemporaryDirectory(prefix="results-") as name:
        folder = Path(name)
        peers = Peers(folder)
        try:
            peers.start()
            async with LabProcess() as lab, Devices() as devices:
                pushes = f'[push.http.app]\nurl = "http://127.0.0.1:{devices.port}/"'
                (steady, kept), mortal, deaf = await asyncio.gather(
                    play_steady(folder / "steady", lab, peers, pushes, keys),
                    play_mortal(folder / "mortal", lab, peers, keys),
                    play_deaf(folder / "deaf", lab, peers, keys),
                )
            told = (folder / "steady" / "dialer.log").read_text()
        finally:
            peers.stop()
    _, found, traceback = told.partition("Traceback")
    return Run(steady | mortal | deaf, kept, (found + traceback)[:3000])


async def play_steady(
    folder: Path, lab: LabProcess, peers: Peers, tables: str, keys: Collection[str]
) -> tuple[Outcomes, dict[int, int]]:
    """All rows that one dialer can play beside each other, and the interactions that it keeps."""
    rows = chosen((*STEADY, *CODES), keys)
    async with (
        stage(folder, lab, peers.ports, (*STEADY, *CODES, OCCUPIER), tables) as here,
        Callers(f"sip:127.0.0.1:{here.sip_port}") as here.callers,
    ):
        return await play(here, rows), {code: await here.keep_interaction(code) for code in STORED}


async def play_mortal(folder: Path, lab: LabProcess, peers: Peers, keys: Collection[str]) -> Outcomes:
    """Rows of a dialer with a fault, that is killed, started again, and stopped; it writes the old reason names."""
    faulty_rows, killed_rows, stopped_rows = (chosen(rows, keys) for rows in (FAULTY, KILLED, STOPPED))
    rows, tables = (*FAULTY, *KILLED, *STOPPED), "[compat]\nlegacy_reason_names = true"
    async with stage(folder, lab, peers.ports, rows, tables, "tools.results.faulty") as here:
        faulty, _ = await asyncio.gather(play(here, faulty_rows), play(here, killed_rows, begin_only=True))
        await here.dialer.end(signal.SIGKILL)
        await here.dialer.start()
        killed = await asyncio.gather(*(here.finish(row) for row in killed_rows), return_exceptions=True)
        await play(here, stopped_rows, begin_only=True)
        await here.dialer.end(signal.SIGTERM)
        stopped = await asyncio.gather(*(here.finish(row) for row in stopped_rows), return_exceptions=True)
    return faulty | by_key(killed_rows, killed) | by_key(stopped_rows, stopped)


async def play_deaf(folder: Path, lab: LabProcess, peers: Peers, keys: Collection[str]) -> Outcomes:
    """Rows of a dialer that can hear nothing."""
    async with stage(folder, lab, peers.ports, SILENCED, module="tools.results.deaf") as here:
        return await play(here, chosen(SILENCED, keys))


async def play(here: Stage, rows: tuple[Row, ...], *, begin_only: bool = False) -> Outcomes:
    """Plays rows beside each other; `begin_only`: up to the point where something is done to the dialer."""
    step = here.begin if begin_only else here.play

    async def in_turn(n: int, row: Row) -> Seen:
        await asyncio.sleep(n * BETWEEN_S)
        return await step(row)

    return by_key(rows, await asyncio.gather(*(in_turn(n, row) for n, row in enumerate(rows)), return_exceptions=True))


def chosen(rows: tuple[Row, ...], keys: Collection[str]) -> tuple[Row, ...]:
    """The rows named; all when none is."""
    return tuple(row for row in rows if not keys or row.key in keys)


def by_key(rows: tuple[Row, ...], found: Sequence[Seen | BaseException]) -> Outcomes:
    """Outcomes by their row's key."""
    return {row.key: seen for row, seen in zip(rows, found, strict=True)}
