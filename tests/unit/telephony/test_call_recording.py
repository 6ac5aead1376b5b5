"""Where the frames of a conversation belong in its recording."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dialer.telephony.call_recording import CallRecording, Span, Track


@pytest.fixture
def recording(tmp_path: Path) -> CallRecording:
    customer: Any = SimpleNamespace(tap_row=None)
    taps: Any = SimpleNamespace()
    return CallRecording(tmp_path / "call.wav", taps, customer, [])


def places(recording: CallRecording, *due: int, place: int | None = None) -> list[int]:
    track = Track(SimpleNamespace(), 0, Span(0), place=place)  # type: ignore[arg-type]
    return recording._places(track, np.array(due))


def test_frames_follow_each_other_though_their_times_waver(recording: CallRecording) -> None:
    assert places(recording, 10, 11, 13, 13, 14, place=10) == [10, 11, 12, 13, 14]


def test_frames_that_a_busy_machine_held_up_leave_no_hole(recording: CallRecording) -> None:
    stalled = [10, *[30] * 20, 31, 32]  # twenty frames at once, and in time again
    assert places(recording, *stalled, place=10) == list(range(10, 33))


def test_of_frames_held_up_after_a_gap_only_the_gap_stays(recording: CallRecording) -> None:
    assert places(recording, 10, 30, 30, 30, 30, 31, 32, place=10) == [10, 27, 28, 29, 30, 31, 32]


def test_a_gap_stays_a_gap(recording: CallRecording) -> None:
    assert places(recording, 10, 11, 40, 41, 42, place=10) == [10, 11, 40, 41, 42]


def test_the_first_frame_lies_where_its_time_says(recording: CallRecording) -> None:
    assert places(recording, 25, 26) == [25, 26]


def test_a_span_without_end_goes_on() -> None:
    assert [at in Span(5) for at in (4, 5, 900)] == [False, True, True]
    assert [at in Span(5, 7) for at in (4, 5, 6, 7)] == [False, True, True, False]
