"""Two thresholds of a queue, as pure functions: who is near enough to be dialled, and when a queue is full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


def near_enough(position: int, ewt_s: float | None, thresholds: Sequence[tuple[float, int]]) -> bool:
    """Whether a callback may be dialled by its position (option `eta_pos_threshold`).

    The pair with the largest time not above the estimated wait counts; its position and those before it may be
    dialled. Position 1 always may. A wait below all pairs, or one that nobody can estimate yet, restricts nobody.

    Args:
        position: 1 for who is served next.
        ewt_s: estimated waiting time, s; None when it is not known.
        thresholds: pairs of seconds and position, by rising seconds.
    """
    if position <= 1 or ewt_s is None:
        return True
    reached = [limit for seconds, limit in thresholds if seconds <= ewt_s]
    return not reached or position <= reached[-1]


class Level(StrEnum):
    """Where a queue stands against its limit (`GET /queues/{name}/watermark`, api.md §5.4)."""

    OK = "OK"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True)
class Watermark:
    """Open callbacks of a queue against the limit at which creates are refused (option `max_open`).

    Attributes:
        value: open callbacks.
        limit: how many there may be.
    """

    value: int
    limit: int

    @property
    def outcome(self) -> Level:
        """HIGH when one more would be refused."""
        return Level.HIGH if self.value >= self.limit else Level.OK
