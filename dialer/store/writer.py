"""Group commit: one task collects what many writers ask for and commits it in one transaction.

While a transaction runs, requests gather; the next transaction takes them all. An awaited request returns after the
COMMIT of its transaction and never before. One request that is refused does not disturb the others.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from dialer.store import fault, transaction
from dialer.store.errors import StoreClosed
from dialer.store.operation import Operation
from dialer.store.transactor import Transactor

T = TypeVar("T")

BATCH_LIMIT = 256
"""Requests per transaction: bounds the time that one transaction keeps its locks."""

SPACING_S = 0.006
"""Least time from one transaction's begin to the next one's. A transaction costs more than the writes in it: under load
many share one, and a write waits some milliseconds; a write that comes alone does not wait."""

_PAUSE_S = 0.02
_ENDED = "the store was ended from outside while this was being written; whether it is there must be read"


@dataclass(slots=True)
class _Request:
    """One operation that shares a transaction with others, and who waits for it."""

    operation: Operation[Any]
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Alone:
    """Work with a transaction of its own, and who waits for it."""

    work: Callable[[sa.Connection], Any]
    answer: asyncio.Future[Any]


class Writer:
    """The one way in which the store writes.

    Use on one event loop: `start`, then `submit` and `run` from any task, then `stop`.
    """

    def __init__(self, transactor: Transactor, *, url: str, busy_s: float) -> None:
        """Not yet running.

        Args:
            transactor: What runs the transactions; the caller closes it after `stop`.
            url: Address for messages, without password.
            busy_s: How long a transaction is tried again while the database is locked.
        """
        self._transactor = transactor
        self._url = url
        self._busy_s = busy_s
        self._queue: asyncio.Queue[_Request | _Alone | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._began = 0.0
        self.transactions = 0

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._serve(), name="store writer")

    async def stop(self) -> None:
        """Write what has been asked for so far, then end."""
        self._closed = True
        if self._task is not None:
            self._queue.put_nowait(None)
            await self._task

    async def submit(self, operation: Operation[T]) -> T:
        """Carry out one operation; returns when it is committed.

        Raises:
            DialerError: when it is refused, or the database cannot be written.
        """
        answer: T = await self._ask(lambda future: _Request(operation, future))
        return answer

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Carry out `work` in a transaction of its own; it may be called again when the database was locked."""
        answer: T = await self._ask(lambda future: _Alone(work, future))
        return answer

    async def _ask(self, request: Callable[[asyncio.Future[Any]], _Request | _Alone]) -> Any:
        if self._closed:
            raise StoreClosed
        answer = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(request(answer))
        return await answer

    async def _serve(self) -> None:
        try:
            await self._write_all()
        finally:
            self._closed = True
            self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        """Nobody waits for a writer that has ended, by whatever cause."""
        while not self._queue.empty():
            request = self._queue.get_nowait()
            if request is not None:
                _refuse(request, StoreClosed())

    async def _write_all(self) -> None:
        held: _Alone | None = None
        while True:
            first = held or await self._queue.get()
            held = None
            if first is None:
                return
            await self._space()
            if isinstance(first, _Alone):
                await self._commit_alone(first)
                continue
            batch, held = self._gather(first)
            await self._commit([request for request in batch if not request.answer.done()])

    def _gather(self, first: _Request) -> tuple[list[_Request], _Alone | None]:
        """What has been asked for meanwhile, up to the limit or to work that goes alone."""
        batch = [first]
        while len(batch) < BATCH_LIMIT and not self._queue.empty():
            request = self._queue.get_nowait()
            if request is None:
                self._queue.put_nowait(None)
                break
            if isinstance(request, _Alone):
                return batch, request
            batch.append(request)
        return batch, None

    async def _space(self) -> None:
        wait = self._began + SPACING_S - time.monotonic()
        if wait > 0 and not self._closed:
            await asyncio.sleep(wait)
        self._began = time.monotonic()

    async def _commit(self, batch: Sequence[_Request]) -> None:
        if not batch:
            return
        operations = [request.operation for request in batch]
        try:
            outcomes = await self._transact(lambda connection: transaction.run(connection, operations))
        except asyncio.CancelledError:
            for request in batch:
                _refuse(request, StoreClosed(_ENDED))
            raise
        except Exception as error:  # noqa: BLE001  (whoever asked gets it; the writer serves the others)
            await self._fail(batch, error)
        else:
            for request, outcome in zip(batch, outcomes, strict=True):
                if outcome.refusal is not None:
                    _refuse(request, outcome.refusal)
                elif not request.answer.done():
                    request.answer.set_result(outcome.value)

    async def _fail(self, batch: Sequence[_Request], error: Exception) -> None:
        """Nothing of the batch is written: tell why, or find out which one of them the database does not take."""
        known = fault.translate(error, self._url)
        if known is None and len(batch) > 1:
            for request in batch:
                await self._commit([request])
            return
        for request in batch:
            _refuse(request, known or fault.refused(error, request.operation) or error)

    async def _commit_alone(self, request: _Alone) -> None:
        try:
            value = await self._transact(request.work)
        except asyncio.CancelledError:
            _refuse(request, StoreClosed(_ENDED))
            raise
        except Exception as error:  # noqa: BLE001  (whoever asked gets it)
            _refuse(request, fault.translate(error, self._url) or error)
        else:
            if not request.answer.done():
                request.answer.set_result(value)

    async def _transact(self, work: Callable[[sa.Connection], T]) -> T:
        deadline = time.monotonic() + self._busy_s
        while True:
            try:
                value = await self._transactor.transact(work)
            except Exception as error:
                if not fault.may_pass(error) or time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(_PAUSE_S)
            else:
                self.transactions += 1
                return value


def _refuse(request: _Request | _Alone, error: BaseException) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)
