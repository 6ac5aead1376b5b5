"""The detection thread: every leg's new audio goes to one DetectorBank, and what it finds comes back to the loop.

The thread holds the interpreter only between numpy calls. asyncio talks to it by a command queue; findings come back in
one `call_soon_threadsafe` per tick. It must never touch a SIP object: it reads the tap's shared matrix alone.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import structlog

from dialer.detection import DetectorBank, Evidence, Finding, Verdict
from dialer.telephony import TapView

log = structlog.get_logger(__name__)

TICK_S = 0.020  # one packet of audio; a verdict waits half of this on average
FAULTS_ALLOWED, FAULTS_WITHIN_S = 5, 60.0


class ListenerFailed(RuntimeError):  # noqa: N818 - an outcome, named as the others
    """The detection thread ended by an error; no verdict can be given any more."""


@dataclass(frozen=True, slots=True)
class TickStatistics:
    """What the detection thread did so far."""

    ticks: int
    late_ticks: int
    longest_tick_s: float
    samples: int


class Hearing:
    """What is heard on one leg; used on the event loop's thread only."""

    def __init__(self, listener: Listener, row: int) -> None:
        self._listener = listener
        self._changed = asyncio.Event()
        self.row = row
        self.verdict: Verdict | None = None
        self.findings: list[Finding] = []
        self.on_finding: Callable[[Finding], None] | None = None
        self._finished = asyncio.Event()
        self.open = True
        self.began = 0  # position in the row of the first sample that is heard
        self.answer_sample: int | None = None  # how many samples had been heard when the answer was marked

    def answered(self) -> None:
        """Marks the answer at the present end of the leg's audio; starts the budget of the answered phase."""
        self._listener.answer(self)

    def add(self, finding: Finding) -> None:
        """Takes a finding over (called by the listener on the loop's thread)."""
        self.findings.append(finding)
        if isinstance(finding, Verdict):
            self.verdict = finding
        if self.on_finding is not None:
            self.on_finding(finding)
        self._changed.set()

    def mark_finished(self) -> None:
        """The listener gives nothing more for this leg."""
        self._finished.set()
        self._changed.set()

    async def wait_for(self, wanted: Callable[[Finding], bool]) -> Finding | None:
        """Waits for a finding; None when listening ended without it. Findings already made count."""
        seen = 0
        while True:
            for finding in self.findings[seen:]:
                if wanted(finding):
                    return finding
            seen = len(self.findings)
            if self._finished.is_set():
                return None
            self._changed.clear()
            await self._changed.wait()

    async def wait_beep_end(self) -> Finding | None:
        """Waits for the end of a voicemail beep, or for the verdict that says it."""
        return await self.wait_for(is_beep_end)

    async def finish(self) -> Verdict | None:
        """Ends listening; what was heard to the end is still judged. Returns the last verdict."""
        if self.open:
            self.open = False
            self._listener.finish(self)
            await self._finished.wait()
        return self.verdict

    def close(self) -> None:
        """Ends listening without a last judgement: nothing more is told to anybody."""
        self.on_finding = None
        if self.open:
            self.open = False
            self._listener.finish(self)


def is_beep_end(finding: Finding) -> bool:
    """True when the finding says that the beep is over and the recording runs."""
    if isinstance(finding, Verdict):
        return finding.name == "machine_beep"
    return finding.kind == "beep_end"


class Listener:
    """Owns the detection thread.

    Args:
        taps: the shared matrix of all legs' audio, one row a leg.
        make_bank: makes the detectors; channel number = row number.
    """

    def __init__(self, taps: TapView, make_bank: Callable[[], DetectorBank]) -> None:
        self._taps = taps
        self._make_bank = make_bank
        self._bank = make_bank()
        self._hearings: dict[int, Hearing] = {}
        self._commands: deque[Callable[[DetectorBank], object]] = deque()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._cursors: dict[int, int] = {}
        self._failure: Exception | None = None
        self._faults: list[float] = []
        self._ticks = self._late = self._samples = 0
        self._longest = 0.0

    def start(self) -> None:
        """Starts the thread; call on the event loop's thread."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="detection", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Stops the thread and waits for it."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    @property
    def running(self) -> bool:
        """True while the thread hears."""
        return self._failure is None and self._thread is not None and self._thread.is_alive()

    @property
    def statistics(self) -> TickStatistics:
        """What the thread did so far."""
        return TickStatistics(self._ticks, self._late, self._longest, self._samples)

    def command(self, command: Callable[[DetectorBank], object]) -> None:
        """Has a command run on the bank before the next samples are heard.

        Raises:
            ListenerFailed: when the thread has ended by an error.
        """
        if self._failure is not None:
            raise ListenerFailed(f"detection stopped: {self._failure!r}") from self._failure
        self._commands.append(command)

    def listen(self, row: int, start: int, *, country: str | None = None, answered: bool = False) -> Hearing:
        """Starts to listen to a row of the tap.

        Args:
            row: row of the tap, as given by the leg's MediaUp event.
            start: position of the first sample to hear, likewise.
            country: tone plan, ISO 3166; None = any.
            answered: the leg is answered already.
        """
        hearing = Hearing(self, row)

        def begin(bank: DetectorBank) -> None:
            bank.open(row, country=country, phase="answered" if answered else "early")
            self._hearings[row] = hearing
            self._cursors[row] = hearing.began = max(start, self._taps.first(row))
            hearing.answer_sample = 0 if answered else None

        self.command(begin)
        return hearing

    def answer(self, hearing: Hearing) -> None:
        """Marks the answer of a leg; nothing when it is not listened to any more."""

        def mark(bank: DetectorBank) -> None:
            if self._hearings.get(hearing.row) is hearing:
                self._hear([hearing.row])
                bank.answer(hearing.row)
                hearing.answer_sample = self._cursors[hearing.row] - hearing.began

        self.command(mark)

    def finish(self, hearing: Hearing) -> None:
        """Ends listening to a leg; its last findings are posted, then it is marked finished."""
        if self._failure is not None:
            hearing.mark_finished()
            return

        def end(bank: DetectorBank) -> None:
            if self._hearings.get(hearing.row) is hearing:
                self._hear([hearing.row])
                last = bank.finish(hearing.row)
                bank.close(hearing.row)
                del self._hearings[hearing.row], self._cursors[hearing.row]
                self._post([(hearing, finding) for finding in last])
            self._call(hearing.mark_finished)

        self._commands.append(end)

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self._tick()
            except Exception as failure:
                log.exception("detection_failed", legs=len(self._hearings))
                if not self._begin_afresh(failure):
                    return
            took = time.monotonic() - started
            self._ticks += 1
            self._late += took > TICK_S
            self._longest = max(self._longest, took)
            self._stop.wait(max(0.001, TICK_S - took))

    def _begin_afresh(self, failure: Exception) -> bool:
        """A fault of detection costs the calls of this moment their verdict, not the dialer its ears.

        Returns:
            False when faults come too often: then the thread ends, and nothing is dialled any more.
        """
        now = time.monotonic()
        self._faults = [at for at in self._faults if now - at < FAULTS_WITHIN_S] + [now]
        if len(self._faults) > FAULTS_ALLOWED:
            self._failure = failure
        else:
            self._bank = self._make_bank()
        for hearing in self._hearings.values():
            self._call(hearing.mark_finished)
        self._hearings.clear()
        self._cursors.clear()
        return self._failure is None

    def _tick(self) -> None:
        while self._commands:
            self._commands.popleft()(self._bank)
        if self._hearings:
            self._hear(list(self._hearings))

    def _hear(self, rows: Iterable[int]) -> None:
        """Hands the rows' new samples to the bank and posts what it finds."""
        index = np.fromiter(rows, dtype=np.int64)
        cursors = np.array([self._cursors[row] for row in index.tolist()], dtype=np.uint64)
        block = self._taps.take(index, cursors)
        self._cursors.update(zip(index.tolist(), block.cursors.tolist(), strict=True))
        if not block.counts.any():
            return
        self._samples += int(block.counts.sum())
        findings = self._bank.push_rows(index, block.samples, block.counts, block.lost)
        self._post([(self._hearings[finding.channel], finding) for finding in findings])

    def _post(self, found: list[tuple[Hearing, Finding]]) -> None:
        if found:
            self._call(deliver, found)

    def _call(self, function: Callable[..., object], *args: object) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)


def deliver(found: list[tuple[Hearing, Finding]]) -> None:
    """Hands findings to their legs (on the loop's thread)."""
    for hearing, finding in found:
        hearing.add(finding)


__all__ = ["Evidence", "Hearing", "Listener", "ListenerFailed", "TickStatistics"]
