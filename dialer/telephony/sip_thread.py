"""The one thread that owns pjsua2: it polls the library and runs every call into it.

asyncio posts commands into a queue and rings the bell; the thread answers by events, delivered in one
`call_soon_threadsafe` per round. No lock is held while the library runs, and nothing here waits for asyncio.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import Any, Protocol

from dialer.telephony.errors import NotRunning

log = logging.getLogger(__name__)

POLL_MS = 20  # the library's own deferred jobs (DTMF) wait at most this long; commands ring the bell and do not wait
EXIT_PATIENCE_S = 1.0


class Library(Protocol):
    """What the thread drives; every method is called on the SIP thread only."""

    def open(self) -> None: ...  # noqa: D102
    def poll(self, timeout_ms: int) -> None: ...  # noqa: D102
    def after_poll(self) -> None: ...  # noqa: D102
    def close(self, deadline: float, poll: Callable[[], None]) -> None: ...  # noqa: D102


class Timer:
    """A call to come; `cancel()` it on the SIP thread."""

    __slots__ = ("cancelled", "function")

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function
        self.cancelled = False

    def cancel(self) -> None:
        """Keeps the function from being called."""
        self.cancelled = True


class SipThread:
    """Runs a Library.

    Args:
        library: what is run.
        loop: where events are delivered.
    """

    def __init__(self, library: Library, loop: asyncio.AbstractEventLoop) -> None:
        self._library = library
        self._loop = loop
        self._commands: deque[Callable[[], None]] = deque()
        self._outbox: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._timers: list[tuple[float, int, Timer]] = []
        self._serial = itertools.count()
        self._ring: Callable[[], None] = lambda: None
        self._stop_by: float | None = None
        self._closed = False
        self._waiting: set[asyncio.Future[Any]] = set()
        self._thread: threading.Thread | None = None
        self.faults = 0

    # --- asyncio's side ---

    async def start(self) -> None:
        """Starts the thread and opens the library; raises what opening raises."""
        atexit.register(self._at_exit)
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="sip", daemon=True)
        self._thread.start()
        await opened

    async def stop(self, deadline_s: float) -> None:
        """Closes the library within `deadline_s` seconds and ends the thread."""
        if self._thread is None:
            return
        self._stop_by = time.monotonic() + deadline_s
        self._ring()
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        atexit.unregister(self._at_exit)
        for done in list(self._waiting):
            settle(done, None, NotRunning())

    def _at_exit(self) -> None:
        """The program ends without stop(): the library is closed all the same, or it would abort the process."""
        if self._thread is not None and self._thread.is_alive():
            self._stop_by = time.monotonic() + EXIT_PATIENCE_S
            self._ring()
            self._thread.join(2 * EXIT_PATIENCE_S)

    def post(self, command: Callable[[], None]) -> None:
        """Any thread: has a command run on the SIP thread as soon as it can; once the thread has ended, never."""
        if self._closed:
            return
        self._commands.append(command)
        self._ring()

    async def call(self, command: Callable[..., Any], *args: Any) -> Any:
        """Runs a command on the SIP thread and gives its result or raises its error.

        Raises:
            NotRunning: when the thread ended before the command's turn came.
        """
        if self._closed:
            raise NotRunning
        done: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.add(done)
        done.add_done_callback(self._waiting.discard)

        def run() -> None:
            try:
                result = command(*args)
            except Exception as error:  # noqa: BLE001 - carried to the caller, whatever it is
                self.tell(settle, done, None, error)
            else:
                self.tell(settle, done, result, None)

        self.post(run)
        return await done

    # --- the SIP thread's side ---

    def use_bell(self, ring: Callable[[], None]) -> None:
        """Gives the means to wake the poller."""
        self._ring = ring

    def tell(self, function: Callable[..., None], *args: Any) -> None:
        """Has a function called on the loop, after those told before, at the end of this round."""
        self._outbox.append((function, args))

    def after(self, delay_s: float, function: Callable[[], None]) -> Timer:
        """Has a function called on the SIP thread after a time."""
        timer = Timer(function)
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._serial), timer))
        return timer

    def guarded(self, function: Callable[[], None]) -> None:
        """Runs a function; an error of ours is logged and counted, and the thread lives on."""
        try:
            function()
        except Exception:
            self.faults += 1
            log.exception("a command of the SIP thread failed")

    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            self._library.open()
        except Exception as error:  # noqa: BLE001 - carried to start(), whatever it is
            self._loop.call_soon_threadsafe(settle, opened, None, error)
            return
        self._loop.call_soon_threadsafe(settle, opened, None, None)
        while self._stop_by is None:
            self._round()
        self._library.close(self._stop_by, self._round)
        self._closed = True
        self._flush()

    def _round(self) -> None:
        while self._commands:
            self.guarded(self._commands.popleft())
        self._flush()
        self._library.poll(self._patience_ms())
        self.guarded(self._library.after_poll)
        self._run_timers()
        self._flush()

    def _patience_ms(self) -> int:
        if self._commands:
            return 0
        if not self._timers:
            return POLL_MS
        return min(POLL_MS, max(0, ceil((self._timers[0][0] - time.monotonic()) * 1000)))

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                self.guarded(timer.function)

    def _flush(self) -> None:
        if not self._outbox:
            return
        told, self._outbox = self._outbox, []
        with contextlib.suppress(RuntimeError):  # the loop was closed without stop(): there is nobody left to tell
            self._loop.call_soon_threadsafe(deliver, told)


def deliver(told: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
    """Calls what the SIP thread told, on the loop."""
    for function, args in told:
        try:
            function(*args)
        except Exception:
            log.exception("an observer of the SIP thread failed")


def settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Settles a future, unless its waiter has gone."""
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
