"""Durations drawn by chance: how long a phone rings, a talk lasts, a customer waits."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from dialer.config.table import Table

Sampler = Callable[[], float]
"""Gives the next duration, seconds, at least 0."""


class Draw(Table):
    """A distribution of seconds.

    Attributes:
        mean_s: its mean.
        cv: standard deviation divided by the mean; used by lognormal alone.
        shape: lognormal (people's times: many short ones, few long ones), exponential, or fixed.
    """

    mean_s: float = Field(ge=0, le=10_000_000, allow_inf_nan=False)
    cv: float = Field(default=1.0, ge=0, le=20, allow_inf_nan=False)
    shape: Literal["lognormal", "exponential", "fixed"] = "lognormal"

    def sampler(self, rng: Random) -> Sampler:
        """A source of durations that draws from `rng`; a fixed one leaves it untouched."""
        mean_s = self.mean_s
        if mean_s == 0 or self.shape == "fixed" or (self.shape == "lognormal" and self.cv == 0):
            return lambda: mean_s
        if self.shape == "exponential":
            rate, exponential = 1.0 / mean_s, rng.expovariate
            return lambda: exponential(rate)
        # Moments of a lognormal: mean = exp(mu + s²/2), cv² = exp(s²) - 1.
        variance = math.log1p(self.cv**2)
        mu, sigma, lognormal = math.log(mean_s) - variance / 2, math.sqrt(variance), rng.lognormvariate
        return lambda: lognormal(mu, sigma)


def _plain_number(value: Any) -> Any:
    """A bare number stands for always the same duration."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return {"mean_s": value, "shape": "fixed"} if plain else value


Seconds = Annotated[Draw, BeforeValidator(_plain_number)]
"""A `Draw`, or a number of seconds that never varies."""


def lognormal(mean_s: float, cv: float) -> Draw:
    """Shorthand for defaults."""
    return Draw(mean_s=mean_s, cv=cv)


def fixed(seconds: float) -> Draw:
    """Shorthand for defaults."""
    return Draw(mean_s=seconds, shape="fixed")
