"""Options whose value is a small language: dial window, lead, positions by waiting time."""

import calendar
import re
from datetime import datetime, time, timedelta

from dialer.callback.retry import DialWindow

_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_LEAD = re.compile(r"([0-9]{1,5})([yMwdhm])")
_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")


def parse_dial_window(text: str) -> DialWindow | None:
    """`do_not_call_window` as a value (spec options section 2.4): ``threshold,earliest,latest``.

    Returns:
        None when the text is empty.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if not text.strip():
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3:
        msg = f"{text!r} is not threshold,earliest,latest; write for example 3600,08:00,20:00"
        raise ValueError(msg)
    if not re.fullmatch(r"[0-9]{1,9}", parts[0]):
        msg = f"the threshold {parts[0]!r} is not a number of seconds"
        raise ValueError(msg)
    earliest, latest = _time_of_day(parts[1]), _time_of_day(parts[2])
    if earliest == latest:
        msg = f"between {parts[1]} and {parts[2]} there is no time to dial"
        raise ValueError(msg)
    return DialWindow(float(parts[0]), earliest, latest)


def _time_of_day(text: str) -> time:
    found = _TIME_OF_DAY.fullmatch(text)
    if found is None:
        msg = f"{text!r} is not a time of day; write for example 08:00"
        raise ValueError(msg)
    hour, minute, second = found.groups(default="0")
    return time(int(hour), int(minute), int(second))


def parse_eta_positions(text: str) -> tuple[tuple[float, int], ...]:
    """`eta_pos_threshold` as pairs (estimated waiting time in s, position), by rising time.

    Raises:
        ValueError: saying what is wrong with it.
    """
    pairs: dict[float, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"([0-9]{1,6})\s*:\s*([0-9]{1,6})", part)
        if found is None:
            msg = f"{part!r} is not eta:pos; write for example 0:10,10:5"
            raise ValueError(msg)
        eta, position = float(found[1]), int(found[2])
        if eta in pairs:
            msg = f"the waiting time {found[1]} stands there twice"
            raise ValueError(msg)
        pairs[eta] = position
    if not pairs:
        msg = "at least one eta:pos is needed"
        raise ValueError(msg)
    return tuple(sorted(pairs.items()))


def add_lead(moment: datetime, lead: str) -> datetime:
    """`moment` plus a lead such as ``1M`` or ``90d``; months and years by the calendar, their last day kept in range.

    Raises:
        ValueError: when `lead` is not a positive number with y, M, w, d, h or m.
    """
    found = _LEAD.fullmatch(lead.strip())
    if found is None or int(found[1]) < 1:
        msg = f"{lead!r} is not a lead; write a number from 1 and y, M, w, d, h or m, e.g. 1M"
        raise ValueError(msg)
    number, unit = int(found[1]), found[2]
    try:
        if unit in _UNITS:
            return moment + number * _UNITS[unit]
        return _add_months(moment, number * (12 if unit == "y" else 1))
    except (OverflowError, ValueError) as error:
        msg = f"{lead!r} leads beyond the calendar"
        raise ValueError(msg) from error


def _add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
