"""The story of one callback: every step with its time, for `dialer callbacks show`, and for whoever asks why.

A step is either a decision of ours, or something given to us from outside: an event of a leg, a finding of the ears, an
agent who was reserved. What was given is kept with all its facts, so that `dialer.rerun` can give it again.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

import structlog

from dialer.callback.record import JournalEntry
from dialer.clock import Clock
from dialer.events import Bus, Step
from dialer.store import Store
from dialer.store.errors import StoreError

log = structlog.get_logger(__name__)

WRITE_EVERY_S = 0.25
MOST_KEPT = 500  # steps of one callback that wait while the store refuses


class StoryWriter:
    """Writes the steps of all callbacks to the store in batches, off the path of the calls."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, list[JournalEntry]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the writing task."""
        self._task = asyncio.create_task(self._run(), name="story-writer")

    async def stop(self) -> None:
        """Writes what is left and ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    def add(self, callback_id: str, entry: JournalEntry) -> None:
        """Takes a step over; it is written within a quarter of a second."""
        self._waiting.setdefault(callback_id, []).append(entry)

    async def flush(self) -> None:
        """Writes all steps taken over so far. A store that refuses keeps them waiting."""
        batch, self._waiting = self._waiting, {}
        await asyncio.gather(*(self._write(callback_id, entries) for callback_id, entries in batch.items()))

    async def _write(self, callback_id: str, entries: list[JournalEntry]) -> None:
        """Writes one callback's steps; those of all callbacks at the same time share the store's transactions."""
        try:
            await self._store.add_journal(callback_id, entries)
        except StoreError as fault:
            log.warning("story_not_written", callback=callback_id, steps=len(entries), cause=str(fault))
            self._waiting[callback_id] = (entries + self._waiting.get(callback_id, []))[-MOST_KEPT:]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.flush()


@dataclass(slots=True)
class Story:
    """Steps of one callback's attempt, told as they happen.

    `t_ms` of a step counts from the story's beginning.

    Attributes:
        run: the same in all steps of one story; a callback has one for each time that a node worked on it.
    """

    callback_id: str
    clock: Clock
    bus: Bus
    writer: StoryWriter
    attempt: int | None = None
    began: float = field(init=False)
    run: str = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.monotonic()
        self.run = secrets.token_hex(4)

    def given(self, kind: str, text: str, what: str, **facts: object) -> None:
        """Adds something that came from outside.

        Args:
            kind: as for `tell`.
            text: for people; empty when only a program wants to know.
            what: "event", "finding", "agent", "gateway", or "figures", which decide nothing.
            facts: all that is needed to give it again.
        """
        self.tell(kind, text, given=what, **facts)

    def tell(self, kind: str, text: str, **data: object) -> None:
        """Adds a step. `kind` is one of sip, media, detection, treatment, routing, timer, state."""
        entry = JournalEntry(
            at=self.clock.now(),
            t_ms=round((self.clock.monotonic() - self.began) * 1000, 1),
            attempt=self.attempt,
            kind=kind,
            text=text,
            data={"run": self.run, **data},
        )
        self.writer.add(self.callback_id, entry)
        self.bus.publish(Step(callback_id=self.callback_id, entry=entry))
