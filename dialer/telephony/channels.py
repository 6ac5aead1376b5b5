"""How many legs may be up at once, per gateway and in all. Used on the event loop only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelUse:
    """Channels now.

    Attributes:
        by_gateway: legs up per gateway; incoming ones under "".
    """

    in_use: int
    limit: int
    by_gateway: Mapping[str, int]

    @property
    def free(self) -> int:
        """Channels left."""
        return self.limit - self.in_use


class Channels:
    """Counts legs against the limits.

    Args:
        limit: in all.
        gateway_limits: per gateway, None = no limit of its own.
    """

    def __init__(self, limit: int, gateway_limits: Mapping[str, int | None]) -> None:
        self._limit = limit
        self._gateway_limits = gateway_limits
        self._use: Counter[str] = Counter()

    def take(self, gateway: str) -> bool:
        """Takes a channel; False when none is free."""
        own = self._gateway_limits.get(gateway)
        if self._use.total() >= self._limit or (own is not None and self._use[gateway] >= own):
            return False
        self._use[gateway] += 1
        return True

    def take_always(self, gateway: str) -> None:
        """Counts a leg that is up already, whatever the limits say."""
        self._use[gateway] += 1

    def give_back(self, gateway: str) -> None:
        """Returns a channel."""
        self._use[gateway] -= 1
        if not self._use[gateway]:
            del self._use[gateway]

    @property
    def use(self) -> ChannelUse:
        """Channels now."""
        return ChannelUse(self._use.total(), self._limit, dict(self._use))
