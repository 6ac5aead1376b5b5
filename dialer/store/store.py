"""The callback store: the only truth. Everything it says is committed.

All writes go through one `Writer` (group commit) and are checked against the transition table; reads use connections
of their own and see the last committed state.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.callback.admission import Admit
from dialer.callback.call_in import AccessWish
from dialer.callback.record import Attempt, AttemptResult, Callback, JournalEntry, NewCallback, NodeInfo
from dialer.callback.state import Actor, Position, State
from dialer.store import call_in, claiming, ownership, schema
from dialer.store import operation as op
from dialer.store.access import AccessStore
from dialer.store.creating import create_within
from dialer.store.do_not_call import NumberStore
from dialer.store.engine import Durable
from dialer.store.filter import CallbackFilter, Limit
from dialer.store.interaction import InteractionStore
from dialer.store.opening import Opened, open_database
from dialer.store.pausing import PauseStore
from dialer.store.push import PushStore
from dialer.store.writer import Writer

_NEW_FIELDS = tuple(field.name for field in fields(NewCallback))


class Store(AccessStore, PushStore, PauseStore, NumberStore, InteractionStore):
    """Callbacks, their attempts, history and journal, in SQLite or PostgreSQL.

    One instance per process and event loop: `await Store.open(...)`, at the end `await store.close()`.
    """

    def __init__(self, writer: Writer, opened: Opened, node: str) -> None:
        """Use `Store.open`."""
        super().__init__(opened.reader, opened.shown)
        self._writer = writer
        self._opened = opened
        self.node = node

    @classmethod
    async def open(
        cls,
        url: str = "sqlite+aiosqlite:///var/dialer.db",
        *,
        durable: Durable = "process",
        node: str = "node-1",
        busy_s: float = 10.0,
    ) -> "Store":
        """Open the database and bring its schema up to date.

        Args:
            url: SQLite file or PostgreSQL database.
            durable: What a commit survives: the death of the ``process``, or the loss of ``power``.
            node: Name of this node.
            busy_s: How long to try while another program holds the database's lock.

        Raises:
            StoreUrlError, StoreUnavailable, StoreBusy, StoreFull, StoreDamaged, StoreSchemaNewer: when it cannot.
        """
        opened = await open_database(url, durable=durable, busy_s=busy_s)
        writer = Writer(opened.writer, url=opened.shown, busy_s=busy_s)
        writer.start()
        return cls(writer, opened, node)

    @property
    def transactions(self) -> int:
        """Transactions committed by this store since it was opened."""
        return self._writer.transactions

    async def close(self) -> None:
        """Finish what has been asked for, then close all connections."""
        self._closed = True
        await self._writer.stop()
        await self._opened.reader.dispose()
        await self._opened.writer.close()

    # -- one callback ------------------------------------------------------------------------------------------

    async def create(
        self,
        new: NewCallback,
        *,
        event: str,
        actor: Actor | str,
        now: datetime,
        user: str | None = None,
        limits: Sequence[Limit] = (),
        access: AccessWish | None = None,
    ) -> Callback:
        """Add a callback by T01, T02 or T03.

        Args:
            new: What was booked.
            event: T-number.
            actor: Who books.
            now: Aware time.
            user: Name of the user, for console actions.
            limits: Counted in the same transaction: of two creations for the last place exactly one gets it.
            access: A number to hand out with it, in the same transaction.

        Raises:
            InvalidTransition: when `event` creates nothing or does not fit `resume_state`.
            DuplicateCallback: when `new.id` is taken.
            LimitReached: when there are as many callbacks as one of the limits allows.
            NoNumberFree: when no number of the wished group is free.
        """
        values = {name: _cut(getattr(new, name)) for name in _NEW_FIELDS}
        if new.id is None:
            values["id"] = f"{await self.service_number(new.service)}-{uuid.uuid4()}"
        create = op.Create(fields=values, event=event, actor=Actor(actor), now=schema.to_ms(now), user=user)
        if access is not None:
            wish, moment = access, create.now
            booked: Callback = await self._writer.run(
                lambda connection: call_in.create_with_access(connection, create, wish, moment)
            )
            return booked
        if not limits:
            return await self._writer.submit(create)
        outcome = await self._writer.run(lambda connection: create_within(connection, create, limits))
        created: Callback = outcome.answer()
        return created

    async def transition(
        self,
        callback_id: str,
        version: int | None,
        event: str,
        *,
        actor: Actor | str,
        now: datetime,
        to: Position | None = None,
        changes: Mapping[str, Any] | None = None,
        user: str | None = None,
        note: str = "",
    ) -> Callback:
        """Move a callback by one transition.

        An open attempt stays open (a cancel makes the callback's result 52): whoever has the customer's leg ends it
        with `close_attempt` once the leg is released.

        Args:
            callback_id: Which.
            version: The version on which the decision rests; None takes whatever is there.
            event: T-number.
            actor: Who causes it.
            now: Aware time.
            to: State and phase, when the transition has several targets.
            changes: Further fields of the record, of `effect.SETTABLE`.
            user: Name of the user, for console actions.
            note: For the history.

        Raises:
            InvalidTransition, VersionConflict, UnknownCallback: and nothing is written.
        """
        return await self._writer.submit(
            op.Change(
                callback_id=callback_id,
                version=version,
                event=event,
                actor=Actor(actor),
                now=schema.to_ms(now),
                to=to,
                changes=_cut_all(changes),
                user=user,
                note=note,
            )
        )

    async def update(
        self, callback_id: str, version: int | None, *, now: datetime, changes: Mapping[str, Any]
    ) -> Callback:
        """Set fields that are no matter of transitions (`operation.UPDATABLE`).

        Raises:
            InvalidTransition, VersionConflict, UnknownCallback: and nothing is written.
        """
        return await self._writer.submit(
            op.Update(callback_id=callback_id, version=version, now=schema.to_ms(now), changes=_cut_all(changes))
        )

    # -- attempts ----------------------------------------------------------------------------------------------

    async def begin_attempt(
        self,
        callback_id: str,
        version: int | None,
        *,
        event: str = "T30",
        now: datetime,
        node: str | None = None,
        lease_s: float = 30.0,
        to: Position | None = None,
        actor: Actor | str = Actor.ENGINE,
        changes: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> tuple[Callback, Attempt]:
        """Write the attempt and enter the dialling phase; call it before the INVITE leaves.

        Raises:
            AttemptConflict: when the callback or its number has an open attempt.
            InvalidTransition, VersionConflict, UnknownCallback: and nothing is written.
        """
        moment = schema.to_ms(now)
        return await self._writer.submit(
            op.BeginAttempt(
                callback_id=callback_id,
                version=version,
                event=event,
                actor=Actor(actor),
                now=moment,
                node=node or self.node,
                lease_until=schema.to_ms(ownership.lease_end(moment, lease_s)),
                to=to,
                changes=_cut_all(changes),
                note=note,
            )
        )

    async def answer_attempt(
        self,
        attempt: Attempt,
        *,
        event: str = "T31",
        actor: Actor | str = Actor.ENGINE,
        now: datetime,
        result: AttemptResult,
        to: Position | None = None,
        changes: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> tuple[Callback, Attempt]:
        """The person was reached (T31, T44): write result and verdict; the attempt stays open.

        Raises:
            AttemptClosed: when it has ended meanwhile, by a cancel or by recovery.
            InvalidTransition: when the callback is not being dialled.
        """
        return await self._writer.submit(
            op.AnswerAttempt(
                callback_id=attempt.callback_id,
                n=attempt.n,
                event=event,
                actor=Actor(actor),
                now=schema.to_ms(now),
                result=_cut_result(result),
                to=to,
                changes=_cut_all(changes),
                note=note,
            )
        )

    async def end_attempt(
        self,
        attempt: Attempt,
        *,
        event: str,
        actor: Actor | str,
        now: datetime,
        result: AttemptResult,
        version: int | None = None,
        to: Position | None = None,
        changes: Mapping[str, Any] | None = None,
        user: str | None = None,
        note: str = "",
    ) -> Callback:
        """Close the attempt and move the callback on by `event`, together.

        Raises:
            AttemptClosed: when it has ended already.
            InvalidTransition, VersionConflict, UnknownCallback: and nothing is written.
        """
        return await self._writer.submit(
            op.EndAttempt(
                callback_id=attempt.callback_id,
                n=attempt.n,
                version=version,
                event=event,
                actor=Actor(actor),
                now=schema.to_ms(now),
                result=_cut_result(result),
                to=to,
                changes=_cut_all(changes),
                user=user,
                note=note,
            )
        )

    async def close_attempt(self, attempt: Attempt, *, now: datetime, result: AttemptResult) -> Callback:
        """Close an attempt whose callback has moved on already (cancel, purge); one that is closed stays as it is.

        Raises:
            InvalidTransition: when the callback is still being dialled, so that `end_attempt` is due.
            UnknownCallback: when there is none.
        """
        return await self._writer.submit(
            op.CloseAttempt(
                callback_id=attempt.callback_id, n=attempt.n, now=schema.to_ms(now), result=_cut_result(result)
            )
        )

    # -- ownership ---------------------------------------------------------------------------------------------

    async def claim(
        self,
        node: str | None = None,
        *,
        now: datetime,
        limit: int = 100,
        lease_s: float = 30.0,
        admit: Admit | None = None,
    ) -> list[Callback]:
        """Take over callbacks that are due, best first: submitted ones (T05), retry or snooze over (T33), ownerless.

        Two nodes never get the same callback. Submitted ones that `admit` refuses are completed (T07, T87); they are
        among those returned.
        """
        moment = schema.to_ms(now)
        until = schema.to_ms(ownership.lease_end(moment, lease_s))
        owner = node or self.node
        async with self._read() as connection:
            if not (await connection.execute(claiming.due(moment, 1))).first():
                return []
        return await self._writer.run(lambda connection: claiming.claim(connection, owner, moment, until, limit, admit))

    async def renew(
        self, ids: Iterable[str], *, now: datetime, node: str | None = None, lease_s: float = 30.0
    ) -> set[str]:
        """Prolong the leases of `node` on these callbacks.

        Returns:
            Those that are still the node's; whatever is missing has been taken over: drop it at once.
        """
        moment = schema.to_ms(now)
        until = schema.to_ms(ownership.lease_end(moment, lease_s))
        owner, wanted = node or self.node, sorted(set(ids))
        return await self._writer.run(lambda connection: claiming.renew(connection, owner, wanted, until))

    async def release(self, ids: Iterable[str], *, now: datetime, node: str | None = None) -> list[Callback]:
        """Give callbacks back: waiting ones are free at once, the others fall to the next `recover`."""
        wanted = sorted(set(ids))
        return await self._writer.submit(ownership.Release(ids=wanted, node=node or self.node, now=schema.to_ms(now)))

    async def recover(self, *, now: datetime, node: str | None = None, limit: int = 500) -> list[Callback]:
        """Bring back callbacks whose lease is over, or all of `node` at its start (T90, T91, T92).

        Open attempts end with 46.
        """
        moment = schema.to_ms(now)
        async with self._read() as connection:
            lost = (await connection.execute(claiming.lost(moment, node, 1))).first()
            if not lost and not (await connection.execute(claiming.left_over(moment, node, 1))).first():
                return []
        return await self._writer.run(lambda connection: claiming.recover(connection, moment, node, limit))

    async def remove_expired(self, *, now: datetime, limit: int = 500) -> list[str]:
        """Delete completed callbacks whose retention is over (T89), with all that hangs on them."""
        moment = schema.to_ms(now)
        wanted = CallbackFilter(states=frozenset({State.COMPLETED}), expired_until=moment, limit=limit)
        ids = [callback.id for callback in await self.find(wanted)]
        return await self._writer.submit(ownership.Remove(ids=ids, now=moment)) if ids else []

    async def heartbeat(
        self,
        *,
        now: datetime,
        node: str | None = None,
        region: str | None = None,
        url: str | None = None,
        sessions: int = 0,
        draining: bool = False,
    ) -> None:
        """Say that the node lives."""
        beat = NodeInfo(
            name=node or self.node,
            region=region,
            url=url,
            heartbeat_at=schema.to_ms(now),
            sessions=sessions,
            draining=draining,
        )
        await self._writer.run(lambda connection: claiming.beat(connection, beat))

    async def add_journal(self, callback_id: str, entries: Sequence[JournalEntry]) -> None:
        """Add steps to its timeline."""
        if entries:
            await self._writer.submit(op.AddJournal(callback_id=callback_id, entries=tuple(map(_cut_entry, entries))))

    async def service_number(self, name: str) -> int:
        """The integer number of a service, given once for good."""
        known = await self._all(sa.select(schema.service.c.number).where(schema.service.c.name == name))
        if known:
            return int(known[0][0])
        return await self._writer.run(lambda connection: claiming.number_service(connection, name))


def _cut(value: Any) -> Any:
    return schema.to_ms(value) if isinstance(value, datetime) else value


def _cut_all(changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _cut(value) for name, value in (changes or {}).items()}


def _cut_result(result: AttemptResult) -> AttemptResult:
    if result.answered_at is None:
        return result
    return replace(result, answered_at=schema.to_ms(result.answered_at))


def _cut_entry(entry: JournalEntry) -> JournalEntry:
    return replace(entry, at=schema.to_ms(entry.at))
