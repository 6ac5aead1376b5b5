"""Takes the new audio of many legs at every tick in a thread of its own, as the dialer does; listens to it if asked."""

from __future__ import annotations

import threading
import time

import numpy as np

from dialer.detection import DetectorBank, Verdict
from dialer.telephony import Block, TapView
from dialer.telephony.tap import FRAME, LOST


class Listener(threading.Thread):
    """A listener.

    Args:
        taps: what it reads.
        rows: whose audio, int64 [k].
        detect: hands the audio to a bank of detectors.
        tick_s: between two rounds.

    Attributes:
        heard: frames that went through the detectors, or were taken when there are none.
        concealed: frames marked lost.
        rounds_ms: how long each round took.
        cpu_s: processor time of this thread, known after stop().
        findings: what the detectors said.
    """

    def __init__(self, taps: TapView, rows: np.ndarray, *, detect: bool, tick_s: float) -> None:
        super().__init__(name="listener", daemon=True)
        self._taps = taps
        self._rows = rows
        self._bank = self._opened(taps.rows, rows) if detect else None
        self._halt = threading.Event()
        self._tick_s = tick_s
        self.heard = 0
        self.concealed = 0
        self.rounds_ms: list[float] = []
        self.cpu_s = 0.0
        self.findings = 0

    @staticmethod
    def _opened(channels: int, rows: np.ndarray) -> DetectorBank:
        bank = DetectorBank(channels=channels)
        for row in rows:
            bank.open(int(row), phase="answered")
        return bank

    def stop(self) -> None:
        """Ends the thread and waits for it."""
        self._halt.set()
        self.join()

    def run(self) -> None:
        """Listens until told to stop."""
        cursors = np.array([self._taps.written(row) for row in self._rows], np.uint64)
        while not self._halt.is_set():
            begun = time.monotonic()
            block = self._taps.take(self._rows, cursors)
            cursors = block.cursors
            self.concealed += int(np.count_nonzero(block.flags == LOST))
            if self._bank is not None and block.counts.any():
                self._hear(self._bank, block)
            self.heard += int(block.counts.sum()) // FRAME
            took = time.monotonic() - begun
            self.rounds_ms.append(took * 1000)
            self._halt.wait(max(0.001, self._tick_s - took))
        self.cpu_s = time.thread_time()

    def _hear(self, bank: DetectorBank, block: Block) -> None:
        """A channel with a verdict begins anew, as the next call would, so that all detectors stay at work."""
        for finding in bank.push_rows(self._rows, block.samples, block.counts, block.lost):
            self.findings += 1
            if isinstance(finding, Verdict):
                bank.close(finding.channel)
                bank.open(finding.channel, phase="answered")
