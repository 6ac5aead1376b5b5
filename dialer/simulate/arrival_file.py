"""Requests for callbacks out of a CSV file: time, and, where known, number, service, desired time, priority."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dialer.config.problem import ConfigRefused, Problem, did_you_mean
from dialer.simulate.arriving import FIRST_NUMBER
from dialer.simulate.case import Arrival
from dialer.simulate.crew import DAY_S
from dialer.simulate.world_file import read_text_file

COLUMNS: Final = ("time", "number", "service", "desired_time", "priority")
MOST_TOLD: Final = 20
"""Problems that are told one by one; further ones are counted."""


@dataclass(frozen=True, slots=True)
class ArrivalFile:
    """Requests in the order of time.

    Attributes:
        start: midnight of the first request's day; None when the file counts seconds.
        arrivals: their times count from `start`.
    """

    start: datetime | None
    arrivals: tuple[Arrival, ...]

    @property
    def days(self) -> int:
        """Whole days that hold all requests."""
        return max(1, math.floor(self.arrivals[-1].at_s / DAY_S) + 1) if self.arrivals else 1

    def from_start(self, start: datetime) -> tuple[Arrival, ...]:
        """The requests with their times counted from another start; those before it are left out."""
        if self.start is None:
            return self.arrivals
        shift_s = (self.start - start).total_seconds()
        moved = (
            replace(each, at_s=each.at_s + shift_s, desired_s=_plus(each.desired_s, shift_s)) for each in self.arrivals
        )
        return tuple(each for each in moved if each.at_s >= 0)


def _plus(seconds: float | None, shift_s: float) -> float | None:
    return None if seconds is None else seconds + shift_s


def read_arrivals(path: Path, service: str, services: Iterable[str]) -> ArrivalFile:
    """Reads a file.

    Args:
        path: the file; its first line names the columns, `time` among them.
        service: whom a line without service asks for.
        services: those that are simulated.

    Raises ConfigRefused: with everything that is wrong, each with its line.
    """
    text = read_text_file(path, "requests as CSV (time,number,service), or give a number of requests per hour")
    return _Reader(str(path), text, service, tuple(services)).read()


class _Reader:
    """One pass over one file."""

    def __init__(self, file: str, text: str, service: str, services: Sequence[str]) -> None:
        self._file, self._rows = file, csv.reader(io.StringIO(text, newline=""))
        self._service, self._services = service, services
        self._problems: list[Problem] = []
        self._dated: bool | None = None  # whether times are dates; the first line decides

    def read(self) -> ArrivalFile:
        columns = self._columns()
        found: list[tuple[float, float | None, Arrival]] = []
        if not self._problems:
            for row in self._rows:
                if any(cell.strip() for cell in row):
                    self._add(found, dict(zip(columns, (cell.strip() for cell in row), strict=False)), len(row))
        if not found and not self._problems:
            self._refuse("", "holds no requests", "give it at least one line below the names of the columns")
        self._finish()
        found.sort(key=lambda each: each[0])
        return self._file_of(found)

    def _file_of(self, found: list[tuple[float, float | None, Arrival]]) -> ArrivalFile:
        start, first_s = None, 0.0
        if self._dated:
            start = datetime.fromtimestamp(found[0][0], UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            first_s = start.timestamp()
        arrivals = (
            replace(arrival, at_s=at - first_s, desired_s=_plus(desired, -first_s)) for at, desired, arrival in found
        )
        return ArrivalFile(start, tuple(arrivals))

    def _columns(self) -> list[str]:
        columns = [name.strip().lower() for name in next(self._rows, [])]
        for name in columns:
            if name not in COLUMNS:
                near = did_you_mean(name, COLUMNS)
                self._refuse(name, "unknown column", near or f"known here: {', '.join(COLUMNS)}")
            elif columns.count(name) > 1:
                self._refuse(name, "the column stands there twice", "keep one")
        if "time" not in columns and not self._problems:
            self._refuse(
                "", "has no column time", "name the columns in the first line, for example time,number,service"
            )
        return columns

    def _add(self, found: list[tuple[float, float | None, Arrival]], row: dict[str, str], cells: int) -> None:
        """Takes one line in, or notes what is wrong with it."""
        before = len(self._problems)
        if cells > len(row):
            self._refuse("", f"has {cells} cells for {len(row)} columns", "take the commas too many out, or quote them")
        at = self._time("time", row.get("time", ""))
        desired = self._time("desired_time", row["desired_time"]) if row.get("desired_time") else None
        service = row.get("service") or self._service
        if service not in self._services:
            near = did_you_mean(service, self._services)
            self._refuse("service", f"{service!r} is not simulated", near or self._known())
        priority = self._priority(row.get("priority", ""))
        if len(self._problems) == before:
            assert at is not None
            number = row.get("number") or f"+{FIRST_NUMBER + len(found)}"
            found.append((at, desired, Arrival(0.0, number, service, None, priority)))

    def _known(self) -> str:
        return f"one of {', '.join(self._services)}; --config says which services there are"

    def _time(self, column: str, text: str) -> float | None:
        """Seconds since the start or, for dates, of the epoch; None when it is neither."""
        seconds = _seconds(text)
        if seconds is None:
            what = f"{text!r} is no time"
            self._refuse(column, what, "write 2026-01-05T08:30:00, or seconds since the start, from 0")
            return None
        dated = not _is_number(text)
        if self._dated is None:
            self._dated = dated
        elif self._dated != dated:
            self._refuse(
                column, f"{text!r} is of another kind than the first time", "write all as dates, or all as seconds"
            )
            return None
        return seconds

    def _priority(self, text: str) -> int | None:
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            self._refuse("priority", f"{text!r} is no whole number", "higher is served first, for example 10")
            return None

    def _refuse(self, column: str, what: str, mend: str) -> None:
        self._problems.append(Problem(self._file, max(1, self._rows.line_num), column, what, mend))

    def _finish(self) -> None:
        """Raises ConfigRefused: when there are problems."""
        if not self._problems:
            return
        told = self._problems[:MOST_TOLD]
        more = len(self._problems) - len(told)
        if more:
            told.append(Problem(self._file, None, "", f"and {more} more like these"))
        raise ConfigRefused(told)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _seconds(text: str) -> float | None:
    if _is_number(text):
        seconds = float(text)
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
