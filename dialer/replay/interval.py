"""Rates with their intervals, and percentiles: how sure a figure is."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TypedDict

import numpy as np

Z = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


class Rate(TypedDict):
    """A share with its Wilson 95 % interval.

    Attributes:
        k: how many.
        n: of how many.
        share: k / n, None when n is 0.
        low: lower bound.
        high: upper bound.
    """

    k: int
    n: int
    share: float | None
    low: float
    high: float


class Spread(TypedDict):
    """Percentiles of a time; None without values.

    Attributes:
        n: values.
        p50: median, seconds; so the others.
    """

    n: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


def rate(k: int, n: int) -> Rate:
    """The share k of n (Wilson 1927, score interval)."""
    if n == 0:
        return Rate(k=0, n=0, share=None, low=0.0, high=1.0)
    p = k / n
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    low = 0.0 if k == 0 else centre - half
    high = 1.0 if k == n else centre + half
    return Rate(k=k, n=n, share=round(p, 6), low=round(max(0.0, low), 6), high=round(min(1.0, high), 6))


def spread(values: Sequence[float]) -> Spread:
    """Percentiles by linear interpolation."""
    if not values:
        return Spread(n=0, p50=None, p90=None, p95=None, p99=None)
    p50, p90, p95, p99 = (round(float(value), 4) for value in np.percentile(np.asarray(values), [50, 90, 95, 99]))
    return Spread(n=len(values), p50=p50, p90=p90, p95=p95, p99=p99)
