"""The store's half for customers who dial in: access numbers, codes, and the calls that are matched with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.callback.call_in import AccessWish, CallInRequest
from dialer.callback.record import Attempt, AttemptResult, Callback
from dialer.callback.state import Actor
from dialer.store import call_in, ownership, schema
from dialer.store import operation as op
from dialer.store.reader import Reader
from dialer.store.writer import Writer


class AccessStore(Reader):
    """Call-in requests. A callback's own request is made with it by `Store.create`."""

    _writer: Writer
    node: str

    async def book_access(self, wish: AccessWish, *, now: datetime) -> CallInRequest:
        """Hand out a number of a group, least recently used first; an older request of the same callback ends.

        Raises:
            NoNumberFree: when none is free.
        """
        moment = schema.to_ms(now)
        return await self._writer.run(lambda connection: call_in.hand_out(connection, wish, moment))

    async def call_in(self, request_id: str) -> CallInRequest | None:
        """The request with this id."""
        found = await self._all(call_in.select(schema.call_in.c.id == request_id))
        return call_in.to_request(found[0]) if found else None

    async def call_ins_of(self, callback_id: str) -> list[CallInRequest]:
        """All requests of a callback, newest first."""
        return [
            call_in.to_request(row)
            for row in await self._all(call_in.select(schema.call_in.c.callback_id == callback_id))
        ]

    async def active_call_ins(self, numbers: Sequence[str]) -> list[CallInRequest]:
        """Active requests for these numbers, oldest first; some may have expired within the last second."""
        return [call_in.to_request(row) for row in await self._all(call_in.active_at(numbers))]

    async def take_call_in(self, request_id: str, *, ani: str | None, now: datetime) -> None:
        """A request without a callback is matched.

        Raises:
            RequestGone: when somebody else has it, or it has expired.
        """
        moment = schema.to_ms(now)
        await self._writer.run(lambda connection: call_in.take(connection, request_id, ani, moment))

    async def begin_called_in(
        self, request_id: str, callback_id: str, version: int, *, ani: str | None, result: AttemptResult,
        now: datetime, node: str, lease_s: float,
    ) -> tuple[Callback, Attempt]:  # fmt: skip
        """T52: the customer who calls in is matched; request, callback and attempt change together.

        Args:
            request_id: the request that fits.
            callback_id: the callback that waits for the call.
            version: of it.
            ani: the number that really called.
            result: of the attempt, which begins answered.
            now: aware time.
            node: who has the call.
            lease_s: how long it has it without a renewal.

        Raises:
            RequestGone: when somebody else has it, or it has expired.
            InvalidTransition, VersionConflict, UnknownCallback, AttemptConflict: when the callback does not wait.
        """
        moment = schema.to_ms(now)
        begin = op.BeginAttempt(
            callback_id=callback_id,
            version=version,
            event="T52",
            actor=Actor.CUSTOMER,
            now=moment,
            node=node,
            lease_until=schema.to_ms(ownership.lease_end(moment, lease_s)),
            changes={"call_result": result.call_result},
            result=result,
        )
        value: Any = await self._writer.run(
            lambda connection: call_in.begin_called_in(connection, request_id, ani, begin)
        )
        callback, attempt = value
        return callback, attempt

    async def complete_call_in(self, request_id: str, *, now: datetime) -> None:
        """The matched call is over."""
        moment = schema.to_ms(now)
        await self._writer.run(lambda connection: call_in.complete(connection, request_id, moment))

    async def count_failed_match(self, ids: Sequence[str]) -> None:
        """Somebody entered a wrong code at the number of these requests."""
        if ids:
            await self._writer.run(lambda connection: call_in.count_failure(connection, ids))

    async def sweep_call_ins(self, *, now: datetime) -> None:
        """End the requests whose time, or whose callback's time, is over; look before writing."""
        moment = schema.to_ms(now)
        if await self._all(call_in.overdue(moment)):
            await self._writer.run(lambda connection: call_in.sweep(connection, moment))

    async def name_recordings(self) -> set[str]:
        """Ids of all recordings of names that callbacks have."""
        name = schema.callback.c.name_recording
        return {str(row[0]) for row in await self._all(sa.select(name).where(name.is_not(None)))}

    async def remove_old_call_ins(self, *, now: datetime) -> None:
        """Delete requests that are older than 14 days."""
        moment = schema.to_ms(now)
        await self._writer.run(lambda connection: call_in.remove_old(connection, moment))
