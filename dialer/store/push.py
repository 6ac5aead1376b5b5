"""The store's half for push messages: what was sent to devices, what they acknowledged, what customers answered."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.callback.push import Answer, PushRecord
from dialer.store import schema
from dialer.store.insertion import add_new
from dialer.store.reader import Reader
from dialer.store.writer import Writer

push = sa.Table(
    "push",
    schema.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("callback_id", sa.ForeignKey("callback.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("token_digest", sa.Text),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("accepted", sa.Boolean),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("sent_at", schema.Instant),
    sa.Column("acked_at", schema.Instant),
    sa.Column("answer", sa.Text),
    sa.Column("answered_at", schema.Instant),
)

_FIELDS = tuple(PushRecord.__dataclass_fields__)
_COLUMNS = tuple(push.c[name] for name in _FIELDS)
_OF_DELIVERY = ("tries", "accepted", "detail", "sent_at")


class PushStore(Reader):
    """Push messages, each with its one-time question if it asks one."""

    _writer: Writer

    async def begin_push(self, record: PushRecord) -> bool:
        """Keep a message before it leaves; False when there is one with this id already."""
        return await self._writer.run(lambda connection: add_new(connection, push, _row(record)))

    async def end_push(self, record: PushRecord) -> None:
        """Keep what came of its delivery; acknowledgement and answer stay as they are."""
        row = _row(record)
        statement = sa.update(push).where(push.c.id == record.id).values({name: row[name] for name in _OF_DELIVERY})
        await self._writer.run(lambda connection: connection.execute(statement))

    async def ack_push(self, push_id: str, *, now: datetime) -> PushRecord | None:
        """A device says that it has the message; said again, the first time stays. None when there is none."""
        moment = schema.to_ms(now)
        statement = sa.update(push).where(push.c.id == push_id, push.c.acked_at.is_(None)).values(acked_at=moment)
        await self._writer.run(lambda connection: connection.execute(statement))
        return await self.push(push_id)

    async def answer_push(
        self, callback_id: str, token_digest: str, answer: Answer, *, now: datetime
    ) -> PushRecord | None:
        """Take the answer to a question; of two answers with one token one is taken.

        Returns:
            The question as answered; None when the token fits none that is still open.
        """
        moment = schema.to_ms(now)
        asked = (push.c.callback_id == callback_id, push.c.token_digest == token_digest)
        statement = sa.update(push).where(*asked, push.c.answer.is_(None))

        def take(connection: sa.Connection) -> Any:
            taken = connection.execute(statement.values(answer=answer.value, answered_at=moment))
            return connection.execute(sa.select(*_COLUMNS).where(*asked)).first() if taken.rowcount else None

        row = await self._writer.run(take)
        return None if row is None else _record(row)

    async def question(self, callback_id: str, token_digest: str) -> PushRecord | None:
        """The question that a token belongs to."""
        return await self._one(push.c.callback_id == callback_id, push.c.token_digest == token_digest)

    async def push(self, push_id: str) -> PushRecord | None:
        """The message with this id."""
        return await self._one(push.c.id == push_id)

    async def pushes(self, callback_id: str) -> list[PushRecord]:
        """All messages of a callback, oldest first."""
        wanted = sa.select(*_COLUMNS).where(push.c.callback_id == callback_id).order_by(push.c.created_at, push.c.id)
        return [_record(row) for row in await self._all(wanted)]

    async def _one(self, *conditions: sa.ColumnElement[bool]) -> PushRecord | None:
        found = await self._all(sa.select(*_COLUMNS).where(*conditions))
        return _record(found[0]) if found else None


def _row(record: PushRecord) -> dict[str, Any]:
    values = asdict(record)
    cut = {name: schema.to_ms(value) for name, value in values.items() if isinstance(value, datetime)}
    answer = None if record.answer is None else record.answer.value
    return {**values, **cut, "event": str(record.event), "answer": answer}


def _record(row: Any) -> PushRecord:
    values = dict(zip(_FIELDS, row, strict=True))
    answer = None if values["answer"] is None else Answer(values["answer"])
    return PushRecord(**{**values, "answer": answer})
