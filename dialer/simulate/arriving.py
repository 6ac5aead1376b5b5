"""Requests for callbacks as they come in: at random around a rate that follows the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Final

from dialer.simulate.case import Arrival
from dialer.simulate.world import Arrivals

HOUR_S: Final = 3600.0
FIRST_NUMBER: Final = 12_025_550_000  # simulated customers are numbered from here; nobody is called


def random_arrivals(arrivals: Arrivals, start: datetime, days: float, service: str, rng: Random) -> Iterator[Arrival]:
    """Poisson arrivals whose rate is constant within an hour, in the order of time.

    Args:
        arrivals: mean per hour over the week, and the weights of hours and days.
        start: aware; hours and weekdays are read on its clock, it stands on a full hour.
        days: how long, from `start`.
        service: whom all ask for.
        rng: source of chance.
    """
    number = FIRST_NUMBER
    for hour in range(round(days * 24)):
        rate = rate_at(arrivals, start, hour)
        at_s, end_s = hour * HOUR_S, (hour + 1) * HOUR_S
        while rate > 0:
            at_s += rng.expovariate(rate) * HOUR_S
            if at_s >= end_s:
                break  # an exponential gap has no memory: the next hour begins anew with its own rate
            number += 1
            yield Arrival(at_s, f"+{number}", service)


def rate_at(arrivals: Arrivals, start: datetime, hour: int) -> float:
    """Requests per hour in the given hour after `start`."""
    of_day, day = (start.hour + hour) % 24, (start.weekday() + (start.hour + hour) // 24) % 7
    mean_hour = sum(arrivals.by_hour) / len(arrivals.by_hour)
    mean_day = sum(arrivals.by_day) / len(arrivals.by_day)
    return arrivals.per_hour * arrivals.by_hour[of_day] / mean_hour * arrivals.by_day[day] / mean_day
