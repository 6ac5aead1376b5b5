"""The clock that is handed in wherever time matters, so that tests can run in virtual time.

Waiting itself is asyncio's; only reading the time goes through here.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Reads wall time and a clock that never jumps."""

    def now(self) -> datetime:
        """Aware UTC wall time."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; on a loop's thread the loop's own clock."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the running event loop's clock."""
        return asyncio.get_running_loop().time()
