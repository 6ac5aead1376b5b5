"""Records a conversation in stereo: the customer on the left, all others on the right."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dialer.telephony.recording import Recorder
from dialer.telephony.tap import FRAME, RATE, TapView

if TYPE_CHECKING:
    from dialer.telephony.leg import Leg

FRAME_S = FRAME / RATE
LEFT, RIGHT = 0, 1
BEHIND = 3  # frames that are waited for before their time is written without them
LOOK_BACK = 50  # frames of a row that are looked through when a leg comes in, more than come between two reads
GAP = 5  # frames that a leg's clock may be late before its silence is taken for a gap: media negotiated again


@dataclass(slots=True)
class Span:
    """A time of the recording, in frames; without `until` it has not ended yet."""

    since: int
    until: int | None = None

    def __contains__(self, at: int) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(slots=True, eq=False)
class Track:
    """One leg on its channel.

    Attributes:
        span: when it is recorded.
        cursor: next sample of its row; None before its first.
        place: frame of the recording where the next one belongs; None before the first.
    """

    leg: Leg
    channel: int
    span: Span
    cursor: int | None = None
    place: int | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more of it belongs into the recording."""
        return self.span.until is not None and self.place is not None and self.place >= self.span.until


class CallRecording(Recorder):
    """A recording of two sides.

    Frames are placed by the time at which they were taken, so the sides keep together when media of one of them is
    negotiated anew. What is said during a pause is silence in the file, and not cut out: so the time in the file stays
    the time of the call, which its timeline names.
    """

    def __init__(self, path: Path, taps: TapView, customer: Leg, others: Sequence[Leg]) -> None:
        super().__init__(path, 2, taps)
        self._tracks: list[Track] = []
        self._pauses: list[Span] = []
        self._began = time.monotonic() if customer.tap_row is None else self._tick_before(customer.tap_row)
        self._written = 0  # frames that have left the buffer
        self._buffer = np.zeros((0, FRAME, 2), np.int32)
        self._tracks.append(Track(customer, LEFT, Span(0)))
        self.follow(others)

    def _tick_before(self, row: int) -> float:
        """The media clock's newest tick, less half a frame: later ticks fall into the middle of our frames."""
        written = self._taps.written(row)
        newest = self._taps.frame_time(row, written - FRAME) if written else time.monotonic()
        return newest - FRAME_S / 2

    @property
    def _now(self) -> int:
        """Frames since the beginning."""
        return max(0, int((time.monotonic() - self._began) / FRAME_S))

    @property
    def paused(self) -> bool:
        """Whether silence is written now."""
        return bool(self._pauses) and self._pauses[-1].until is None

    def pause(self) -> None:
        """Nothing that is said from now on is written."""
        if not self.paused:
            self._pauses.append(Span(self._now))

    def resume(self) -> None:
        """What is said from now on is written again."""
        if self.paused:
            self._pauses[-1].until = self._now + 1

    def follow(self, others: Sequence[Leg]) -> None:
        """From now on these legs are on the right, mixed; whoever was there before is not any more."""
        now = self._now
        live = [track for track in self._tracks if track.channel == RIGHT and track.span.until is None]
        for track in live:
            if track.leg not in others:
                track.span.until = now
        known = [track.leg for track in live]
        self._tracks.extend(Track(leg, RIGHT, Span(now)) for leg in others if leg not in known)

    def _gone(self) -> bool:
        return self._tracks[0].leg.ended.done()

    def _collect(self, *, last: bool) -> NDArray[np.int16]:
        for track in list(self._tracks):
            self._read(track)
        whole = max(0, self._now - (0 if last else BEHIND) - self._written)
        self._reserve(whole)
        ready, self._buffer = self._buffer[:whole], self._buffer[whole:]
        self._written += whole
        return np.clip(ready, -32768, 32767).astype(np.int16).reshape(-1, 2)

    def _read(self, track: Track) -> None:
        """Places what is new of one leg."""
        facts = track.leg.facts
        if facts.row is None or self._taps.start(facts.row) != facts.start:
            return  # no media yet, or the row is another leg's by now
        if track.cursor is None:
            track.cursor = max(facts.start, self._taps.written(facts.row) - LOOK_BACK * FRAME)
        block = self._taps.take(np.array([facts.row]), np.array([track.cursor]), self._taps.capacity // FRAME)
        count = int(block.counts[0])
        first = int(block.cursors[0]) - count
        track.cursor = first + count
        stamps = self._taps.frame_times(facts.row, first, count // FRAME)
        frames = block.samples[0, :count].reshape(-1, FRAME)
        places = self._places(track, ((stamps - self._began) / FRAME_S).astype(np.int64))
        for frame, place in zip(frames, places, strict=True):
            self._place(track, frame, place)
        if track.over:
            self._tracks.remove(track)

    def _places(self, track: Track, due: NDArray[np.int64]) -> list[int]:
        """Where frames belong that were taken at these times; one after the other, but for gaps.

        A late frame whose followers are in time again was only held up by a machine that was busy, and none is missing
        before it. One whose followers are late, too, comes after a gap.

        Args:
            track: whose frames they are.
            due: int64 [n], the time of each in frames of the recording.
        """
        if not len(due):
            return []
        at = int(due[0]) if track.place is None else track.place
        late = due - at - np.arange(len(due))
        lasting = np.minimum.accumulate(late[::-1])[::-1]
        places, shift = [], 0
        for number, gap in enumerate(lasting.tolist()):
            if gap - shift >= GAP:
                shift = gap
            places.append(at + number + shift)
        track.place = places[-1] + 1
        return places

    def _place(self, track: Track, frame: NDArray[np.int16], at: int) -> None:
        if at < self._written or at not in track.span or any(at in pause for pause in self._pauses):
            return
        self._reserve(at - self._written + 1)
        self._buffer[at - self._written, :, track.channel] += frame

    def _reserve(self, frames: int) -> None:
        """Has the buffer hold so many frames."""
        missing = frames - len(self._buffer)
        if missing > 0:
            self._buffer = np.concatenate([self._buffer, np.zeros((missing, FRAME, 2), np.int32)])
