"""State events to a subscriber's URL: each callback's in order, retried, bounded in number; nobody waits for them.

Source: options.md §2.8, `status_notification*`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from dialer.push.poster import Poster

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 5.0
PAUSE_S: Final = 1.0
MOST_PENDING: Final = 2000


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event on its way."""

    url: str
    content: Mapping[str, Any]
    tries: int


class Herald:
    """Posts announcements. One event loop owns it; `close` it at the end.

    Attributes:
        delivered, failed, dropped: announcements taken, given up, and not even tried because too many were under way.
    """

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._waiting: dict[str, deque[Announcement]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pending = 0
        self.delivered = 0
        self.failed = 0
        self.dropped = 0

    def tell(self, key: str, announcement: Announcement) -> None:
        """Takes an announcement; those of one key arrive one after the other."""
        if self._pending >= MOST_PENDING:
            self.dropped += 1
            log.warning("status_notification_dropped", key=key, pending=self._pending)
            return
        self._pending += 1
        self._waiting.setdefault(key, deque()).append(announcement)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._deliver(key), name=f"announce-{key}")

    async def close(self, patience_s: float = 2.0) -> None:
        """Waits a moment for what is under way, then breaks it off."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=patience_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, key: str) -> None:
        try:
            waiting = self._waiting[key]
            while waiting:
                await self._post(key, waiting.popleft())
                self._pending -= 1
        finally:
            self._pending -= len(self._waiting.pop(key, ()))
            del self._tasks[key]

    async def _post(self, key: str, announcement: Announcement) -> None:
        body = json.dumps(announcement.content, ensure_ascii=False, separators=(",", ":")).encode()
        for attempt in range(1, announcement.tries + 1):
            delivery = await self._poster.post(announcement.url, body, {}, TIMEOUT_S)
            if delivery.accepted:
                self.delivered += 1
                return
            if not delivery.again or attempt == announcement.tries:
                break
            await asyncio.sleep(PAUSE_S * attempt)
        self.failed += 1
        log.warning("status_notification_failed", key=key, url=announcement.url, cause=delivery.detail)
