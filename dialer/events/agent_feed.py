"""What happens to agents, numbered, with the last of it kept, so that a reader who was cut off can go on where it was.

Messages (api.md §5.5): `state` at every change of an agent's state; `preview`, `preview_closed`, `ringing`, `talking`,
`released` and `disposition_due` along a call. One event loop owns a feed. Publishing never waits: a reader that is
slower than the feed loses its oldest messages and is told how many.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from dialer.callback.record import Callback
from dialer.callback.state import Phase
from dialer.clock import stamp
from dialer.events.bus import Bus
from dialer.events.event import AgentChanged, CallbackChanged, DispositionDue, Event, PreviewClosed, PreviewOffered
from dialer.events.wire import agent_changed, call_of

KEPT: Final = 1024  # messages a reader may have missed: minutes of a busy floor
NAME_OF_PHASE: Final = {Phase.AGENT_RING: "ringing", Phase.TALKING: "talking"}
IDLE: Final = frozenset({"READY", "NOT_READY", "LOGGED_OUT"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the feed.

    Attributes:
        n: number, rising by one.
        agent: whom it is about.
        name: of the message.
        data: what it says.
    """

    n: int
    agent: str
    name: str
    data: dict[str, Any]


class Reader(AsyncIterator[Message]):
    """One reader's messages; ends when closed.

    Attributes:
        dropped: messages lost because the reader was too slow.
    """

    def __init__(self, agent: str | None, capacity: int, on_close: Callable[[Reader], None]) -> None:
        self.dropped = 0
        self._agent = agent
        self._messages: deque[Message] = deque()
        self._capacity = capacity
        self._arrived = asyncio.Event()
        self._closed = False
        self._on_close = on_close

    def offer(self, message: Message) -> None:
        """Takes a message that is for this reader; the oldest one goes when there is no room."""
        if self._agent is not None and message.agent != self._agent:
            return
        if len(self._messages) >= self._capacity:
            self._messages.popleft()
            self.dropped += 1
        self._messages.append(message)
        self._arrived.set()

    def close(self) -> None:
        """Ends the reading; messages that are there already are still read."""
        if not self._closed:
            self._closed = True
            self._arrived.set()
            self._on_close(self)

    async def __anext__(self) -> Message:
        while not self._messages:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._messages.popleft()


class AgentFeed:
    """Makes messages of what the bus tells about agents, and gives them to readers.

    Args:
        bus: what happens.
        shown_keys: keys of the user data that an agent is shown of a service's call; empty: all.
        kept: how many messages a reader may have missed.
    """

    def __init__(
        self, bus: Bus, shown_keys: Callable[[str], tuple[str, ...]] = lambda _: (), *, kept: int = KEPT
    ) -> None:
        self._shown_keys = shown_keys
        self._kept: deque[Message] = deque(maxlen=kept)
        self._numbers = itertools.count(1)
        self._readers: list[Reader] = []
        self._on_call: dict[str, tuple[str, str]] = {}  # agent id -> callback id, name of the last message
        self._closed = False
        self._unsubscribe = bus.subscribe(self._hear)

    @property
    def readers(self) -> int:
        """How many read now."""
        return len(self._readers)

    def read(self, agent: str | None = None, after: int | None = None, capacity: int = KEPT) -> Reader:
        """Messages from now on; with `after`, first those kept that came after this number.

        Args:
            agent: only those about one agent.
            after: number of the last message read before; what is no longer kept is counted as dropped.
            capacity: messages that may wait for the reader.
        """
        reader = Reader(agent, max(capacity, len(self._kept)), self._forget)
        self._readers.append(reader)
        if after is not None:
            oldest = self._kept[0].n if self._kept else after + 1
            reader.dropped = max(0, oldest - after - 1)
            for message in self._kept:
                if message.n > after:
                    reader.offer(message)
        if self._closed:
            reader.close()
        return reader

    def close(self) -> None:
        """Ends all readers, also those that come later: the dialer stops."""
        self._closed = True
        self._unsubscribe()
        for reader in tuple(self._readers):
            reader.close()

    def _forget(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)

    def _hear(self, event: Event) -> None:
        match event:
            case AgentChanged():
                self._agent_changed(event)
            case CallbackChanged():
                self._call_changed(event.callback)
            case PreviewOffered():
                told = {"callback": event.callback.id, **event.data, "until": stamp(event.until)}
                self._tell(event.agent_id, "preview", told)
            case PreviewClosed():
                self._tell(event.agent_id, "preview_closed", {"callback": event.callback_id, "how": event.how})
            case DispositionDue():
                told = {"callback": event.callback.id, "until": stamp(event.until)}
                self._tell(event.agent_id, "disposition_due", told)
            case _:
                pass

    def _agent_changed(self, event: AgentChanged) -> None:
        self._tell(event.agent_id, "state", agent_changed(event))
        if event.new_state in IDLE and event.agent_id in self._on_call:
            callback_id, _ = self._on_call.pop(event.agent_id)
            self._tell(event.agent_id, "released", {"callback": callback_id})

    def _call_changed(self, callback: Callback) -> None:
        """Tells the agent of a callback that the phone rings, or that the talk begins; once each."""
        name = NAME_OF_PHASE.get(callback.phase) if callback.phase is not None else None
        if name is None or callback.agent_id is None or self._on_call.get(callback.agent_id) == (callback.id, name):
            return
        self._on_call[callback.agent_id] = (callback.id, name)
        self._tell(callback.agent_id, name, call_of(callback, self._shown_keys(callback.service)))

    def _tell(self, agent: str, name: str, data: dict[str, Any]) -> None:
        message = Message(next(self._numbers), agent, name, {"agent": agent, **data})
        self._kept.append(message)
        for reader in tuple(self._readers):
            reader.offer(message)
