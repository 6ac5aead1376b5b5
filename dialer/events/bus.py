"""The in-process bus: publishes typed events to functions and to bounded streams.

One event loop owns a bus: `publish`, `subscribe` and `stream` are called from its thread alone. Publishing never
waits and never fails: a subscriber's fault is logged and counted, a slow stream loses its oldest events and counts
them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable

from dialer.events.event import Event

_log = logging.getLogger(__name__)

Subscriber = Callable[[Event], None]
STREAM_CAPACITY = 4096  # events: about ten seconds of 300 dials/s before a stalled reader loses any


class Stream(AsyncIterator[Event]):
    """A bounded queue of events for one reader; ends when closed.

    Attributes:
        dropped: events this reader lost because it was slower than the bus.
        name: of the reader; "" when nobody looks at its losses.
    """

    def __init__(self, capacity: int, on_close: Callable[[Stream], None], name: str = "") -> None:
        self.dropped = 0
        self.name = name
        self._events: deque[Event] = deque()
        self._capacity = capacity
        self._arrived = asyncio.Event()
        self._closed = False
        self._on_close = on_close

    def offer(self, event: Event) -> None:
        """Appends `event`; drops the oldest one when full, because the newest state matters most."""
        if len(self._events) >= self._capacity:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        self._arrived.set()

    def take(self, limit: int) -> list[Event]:
        """Events that are there already, without waiting; at most `limit`."""
        return [self._events.popleft() for _ in range(min(limit, len(self._events)))]

    def close(self) -> None:
        """Ends the stream: events already queued are still read, then iteration stops."""
        if not self._closed:
            self._closed = True
            self._arrived.set()
            self._on_close(self)

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()


class Bus:
    """Publishes events to all subscribers in the order they subscribed.

    Attributes:
        published: events published so far.
        faults: calls of subscribers that raised.
    """

    def __init__(self) -> None:
        self.published = 0
        self.faults = 0
        self._subscribers: list[Subscriber] = []
        self._streams: list[Stream] = []

    def publish(self, event: Event) -> None:
        """Hands `event` to every subscriber and stream; returns when all functions have returned."""
        self.published += 1
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - the fault of one observer must reach neither publisher nor the others
                self.faults += 1
                _log.exception("a subscriber of %s failed", type(event).__name__)
        for stream in tuple(self._streams):
            stream.offer(event)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls `subscriber` for every event from now on; the returned function ends that and may be called twice."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    @property
    def dropped(self) -> dict[str, int]:
        """Events that each named reader has lost because it was too slow."""
        return {stream.name: stream.dropped for stream in self._streams if stream.name}

    def stream(self, capacity: int = STREAM_CAPACITY, name: str = "") -> Stream:
        """Gives an async iterator over the events from now on; `close()` it when done. A name shows its losses."""
        if capacity < 1:
            raise ValueError(f"a stream needs room for at least one event, not {capacity}")
        stream = Stream(capacity, self._streams.remove, name)
        self._streams.append(stream)
        return stream
