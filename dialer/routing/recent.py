"""Means and rates that forget: what the waiting-time estimate learns from. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

HALF_LIFE_S: Final = 1800.0  # shares follow a shift's changes within half an hour


class RecentMean:
    """The mean of the last `size` values."""

    def __init__(self, size: int) -> None:
        self._values: deque[float] = deque(maxlen=size)
        self._sum = 0.0

    @property
    def count(self) -> int:
        """Values it is taken from."""
        return len(self._values)

    @property
    def mean(self) -> float | None:
        """None before the first value."""
        return max(0.0, self._sum) / len(self._values) if self._values else None

    def quantiles(self, parts: Iterable[float]) -> list[float]:
        """The values below which the next one lies with these probabilities; none may be asked for before the first.

        Source: the k-th of n values has the probability k / (n + 1) (Weibull, 1939); between them linear.
        """
        ordered = sorted(self._values)
        return [_between(ordered, part * (len(ordered) + 1) - 1) for part in parts]

    def add(self, value: float) -> None:
        """Takes a value in, the oldest one out."""
        if len(self._values) == self._values.maxlen:
            self._sum -= self._values[0]
        self._values.append(value)
        self._sum += value


def _between(ordered: list[float], place: float) -> float:
    """The value at a place from 0 that need not be whole; beyond the ends the outermost one."""
    place = min(max(place, 0.0), len(ordered) - 1.0)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


@dataclass(slots=True)
class RecentShare:
    """A count over an exposure, both forgotten with a half-life of half an hour of the time that counts."""

    counted: float = 0.0
    exposed: float = 0.0

    @property
    def share(self) -> float | None:
        """Count by exposure; None before any exposure."""
        return self.counted / self.exposed if self.exposed > 0 and self.counted > 0 else None

    def count(self, amount: float) -> None:
        """Adds to the count."""
        self.counted += amount

    def pass_time(self, exposure: float, seconds: float) -> None:
        """Adds to the exposure and forgets as much as `seconds` make one forget."""
        keep = 0.5 ** (seconds / HALF_LIFE_S)
        self.counted *= keep
        self.exposed = self.exposed * keep + exposure
