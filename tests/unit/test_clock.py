"""Times as texts; the clock itself has nothing to decide."""

from datetime import UTC, datetime, timedelta, timezone

from dialer.clock import stamp


def test_a_time_is_written_in_utc_cut_to_milliseconds_with_z() -> None:
    plus_two = timezone(timedelta(hours=2))
    assert stamp(datetime(2026, 3, 2, 16, 0, 0, 1999, UTC)) == "2026-03-02T16:00:00.001Z"
    assert stamp(datetime(2026, 3, 2, 1, 30, tzinfo=plus_two)) == "2026-03-01T23:30:00.000Z"


def test_no_time_stays_none() -> None:
    assert stamp(None) is None


def test_texts_sort_like_their_times() -> None:
    start = datetime(2026, 12, 31, 23, 59, 59, 999000, UTC)
    later = [start + timedelta(milliseconds=n) for n in range(3)]
    assert sorted(map(stamp, reversed(later))) == list(map(stamp, later))
