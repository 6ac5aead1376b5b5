"""A tone among notes is one of them; the second half of a double beep is not another note."""

from dataclasses import replace

import pytest

from dialer.detection import beep
from dialer.detection.tone import Segment

FIRST = Segment(
    start_s=1.0, end_s=1.2, freq_hz=900.0, spread_hz=0.1, slope_hz_s=0.0, level_dbm0=-20.0, level_spread_db=0.1,
    purity=0.99, hops=20, rise_s=0.005, fall_s=0.005, before_db=-60.0, after_db=-60.0, below_db=0.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("start_s", "freq_hz", "another"),
    [(1.35, 900.0, False), (1.35, 760.0, True), (2.5, 900.0, True), (7.0, 760.0, False)],
)
def test_what_counts_as_a_note_before(start_s: float, freq_hz: float, another: bool) -> None:
    later = replace(FIRST, start_s=start_s, end_s=start_s + 0.2, freq_hz=freq_hz)
    assert beep.is_another_note(FIRST, later) is another
