"""How fast and how many: calls per second as a token bucket. Pure; time is passed in."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Pacer:
    """Lets at most `calls_per_second` dials out, evenly, with a burst of at most a tenth of a second's worth.

    Attributes:
        calls_per_second: > 0.
        now: clock reading at the start, seconds.
    """

    calls_per_second: float
    now: float
    _tokens: float = field(default=1.0)

    @property
    def burst(self) -> float:
        """Dials that may leave at once after a pause."""
        return max(1.0, self.calls_per_second / 10)

    def take(self, now: float) -> bool:
        """Takes the right to place one dial; False when it is too early."""
        self._refill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def wait_s(self, now: float) -> float:
        """Seconds until the next dial may leave, 0 when it may now."""
        self._refill(now)
        return max(0.0, (1.0 - self._tokens) / self.calls_per_second)

    def _refill(self, now: float) -> None:
        self._tokens = min(self.burst, self._tokens + max(0.0, now - self.now) * self.calls_per_second)
        self.now = now
