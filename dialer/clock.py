"""The clock that is handed in wherever time matters, so that tests can run in virtual time; and times as texts.

Waiting itself is asyncio's; only reading the time goes through here.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol, overload


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


@overload
def stamp(moment: datetime) -> str: ...
@overload
def stamp(moment: None) -> None: ...
def stamp(moment: datetime | None) -> str | None:
    """A time as everything of ours writes it: ISO 8601 in UTC, cut to milliseconds, with Z (records.md §1).

    Args:
        moment: aware, in any zone; None stays None.

    Examples:
        >>> stamp(datetime(2026, 3, 2, 16, 0, 0, 1999, UTC))
        '2026-03-02T16:00:00.001Z'
    """
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
