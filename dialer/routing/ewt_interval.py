"""Bounds around an estimate that learn from its errors until they cover what they say. Pure.

Source: Gibbs and Candès, "Adaptive conformal inference under distribution shift", 2021: a quantile is followed by
moving it up by g·(1 - a) when the truth lies beyond it and down by g·a when not; in the long run the part a lies
beyond.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

OUTSIDE: Final = 0.1  # part of the customers below the interval, and as many above: an 80 % interval
STEP: Final = 0.01  # of a standard error: follows a change within some hundred customers, not one run of luck
FIRST_LOW: Final = -0.9  # where exponential service times have their quantiles for one customer ahead
FIRST_HIGH: Final = 1.3


@dataclass(slots=True)
class _Bounds:
    """Quantiles of the standardised error, of 10 % and 90 %."""

    low: float = FIRST_LOW
    high: float = FIRST_HIGH

    def learn(self, error: float) -> None:
        self.low += STEP * (OUTSIDE - (1.0 if error < self.low else 0.0))
        self.high += STEP * ((1.0 if error > self.high else 0.0) - OUTSIDE)
        self.low = min(self.low, self.high)


@dataclass(slots=True)
class Interval:
    """Bounds by order of magnitude of the position, since few ahead err otherwise than many."""

    _bounds: dict[int, _Bounds] = field(default_factory=dict)

    def around(self, mean_s: float, spread_s: float, position: int) -> tuple[float, float]:
        """Lower and upper bound, s, of a wait estimated as `mean_s` with the standard error `spread_s`."""
        bounds = self._at(position)
        return max(0.0, mean_s + bounds.low * spread_s), max(0.0, mean_s + bounds.high * spread_s)

    def learn(self, waited_s: float, mean_s: float, spread_s: float, position: int) -> None:
        """Takes in how long somebody has waited for whom `mean_s` was estimated."""
        if spread_s > 0:
            self._at(position).learn((waited_s - mean_s) / spread_s)

    def _at(self, position: int) -> _Bounds:
        order = (position.bit_length() + 1) // 2  # 0; 1; 2 to 7; 8 to 31; 32 to 127 ...
        if order not in self._bounds:
            self._bounds[order] = _Bounds() if position else _Bounds(0.0, 0.0)
        return self._bounds[order]
