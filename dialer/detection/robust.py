"""Order statistics of short lists, in plain Python: quicker than arrays for the few dozen values of a tone."""

import math
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """Give the upper median."""
    return sorted(values)[len(values) // 2]


def spread(values: Sequence[float]) -> float:
    """Give the standard deviation as the middle 60 % of the values tell it, so that a lost packet does not count."""
    n = len(values)
    if n < 3:
        return 0.0
    ordered = sorted(values)
    return (ordered[-1 - n // 5] - ordered[n // 5]) / 1.68


def deviation(values: Sequence[float]) -> float:
    """Give the standard deviation."""
    n = len(values)
    mean = sum(values) / n
    return math.sqrt(sum((v - mean) ** 2 for v in values) / n)


def straight(values: Sequence[float]) -> tuple[float, float]:
    """Fit a line: its slope per step, and the spread of the values about it."""
    n = len(values)
    if n < 3:
        return 0.0, deviation(values)
    middle, mean = (n - 1) / 2, sum(values) / n
    slope = sum((i - middle) * v for i, v in enumerate(values)) * 12.0 / (n * (n * n - 1.0))
    return slope, spread([v - mean - slope * (i - middle) for i, v in enumerate(values)])
