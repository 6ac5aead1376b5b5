"""Numbers and times as prompts, every one of which there is a file for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dialer.scenario.inbound import spoken
from dialer.scenario.treatment_library import BUILT_IN


def names(files):
    return [file.removesuffix(".wav") for file in files]


def test_digits_are_said_one_by_one():
    assert names(spoken.digits("+1 202-5")) == ["number/1", "number/2", "number/0", "number/2", "number/5"]


def test_a_waiting_time_is_rounded_up_to_whole_minutes():
    assert names(spoken.minutes(30)) == ["less_than_a_minute"]
    assert names(spoken.minutes(61)) == ["number/2", "minutes"]
    assert names(spoken.minutes(7260)) == ["number/1", "hundred", "number/21", "minutes"]


def test_a_time_of_day_is_said_as_people_say_it():
    day = datetime(2026, 3, 2, tzinfo=UTC)
    assert names(spoken.time_of_day(day)) == ["number/12", "a_m"]
    assert names(spoken.time_of_day(day.replace(hour=14, minute=5))) == ["number/2", "oh", "number/5", "p_m"]
    assert names(spoken.time_of_day(day.replace(hour=12, minute=30))) == ["number/12", "number/30", "p_m"]


def test_a_moment_names_day_month_and_date():
    assert names(spoken.moment(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))[:4] == ["day/0", "month/3", "date/2", "at"]


MINUTES = st.integers(0, 4 * 366 * 24 * 60)


@given(MINUTES, st.floats(0, 20_000), st.text("0123456789+", max_size=9))
def test_there_is_a_file_for_everything_that_can_be_said(minutes, seconds, number):
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    said = [*spoken.moment(when), *spoken.minutes(seconds), *spoken.digits(number)]
    missing = [name for name in said if not Path(BUILT_IN / name).is_file()]
    assert missing == []
