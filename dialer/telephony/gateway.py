"""Whether a gateway answers: what OPTIONS pings have told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

REFUSED = frozenset({401, 403, 407, 408})


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    """State of a gateway.

    Attributes:
        known: it was asked at least once.
        up: it answered, did not refuse us (401, 403, 407) and has no server trouble (5xx, 6xx).
        last_status: of its last answer; 408 when none came, 503 when nothing could be sent; None before.
        rtt_ms: of the last answer.
        since: when `up` last changed.
    """

    name: str
    known: bool = False
    up: bool = False
    last_status: int | None = None
    rtt_ms: float = 0.0
    since: datetime | None = None

    def after(self, status: int, rtt_s: float) -> GatewayHealth:
        """Gives the health after an answer."""
        up = 200 <= status < 500 and status not in REFUSED
        since = self.since if self.known and up == self.up else datetime.now(UTC)
        return GatewayHealth(self.name, True, up, status, round(rtt_s * 1000, 2), since)
