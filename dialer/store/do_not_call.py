"""The store's half for numbers: which must not be called any more, and which are on a call just now."""

from datetime import datetime

import sqlalchemy as sa

from dialer.store import schema
from dialer.store.insertion import add_new
from dialer.store.reader import Reader
from dialer.store.writer import Writer

do_not_call = sa.Table(
    "do_not_call",
    schema.metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("since", schema.Instant, nullable=False),
    sa.Column("callback_id", sa.Text),
)


class NumberStore(Reader):
    """The do-not-call list (call_result 51, records section 6), and who is on a call."""

    _writer: Writer

    async def forbid_number(self, number: str, *, now: datetime, callback_id: str | None = None) -> None:
        """Put a number on the do-not-call list; one that is on it stays as it is.

        Args:
            number: E.164, as `Callback.number` gives it.
            now: Aware time.
            callback_id: In whose talk the customer asked for it.
        """
        values = {"number": number, "since": schema.to_ms(now), "callback_id": callback_id}
        await self._writer.run(lambda connection: add_new(connection, do_not_call, values))

    async def allow_number(self, number: str) -> bool:
        """Take a number off the do-not-call list; False when it was not on it."""
        statement = sa.delete(do_not_call).where(do_not_call.c.number == number)
        done = await self._writer.run(lambda connection: connection.execute(statement))
        return bool(done.rowcount)

    async def forbidden_numbers(self, limit: int = 1000) -> list[tuple[str, datetime, str | None]]:
        """Number, since when, and in whose talk the customer asked for it; newest first."""
        columns = (do_not_call.c.number, do_not_call.c.since, do_not_call.c.callback_id)
        newest = sa.select(*columns).order_by(do_not_call.c.since.desc(), do_not_call.c.number).limit(limit)
        return [(row[0], row[1], row[2]) for row in await self._all(newest)]

    async def is_forbidden(self, number: str) -> bool:
        """Whether the number is on the do-not-call list."""
        return bool(await self._all(sa.select(do_not_call.c.number).where(do_not_call.c.number == number)))

    async def is_called(self, number: str) -> bool:
        """Whether a call to the number is up or being set up, on any node."""
        attempt = schema.attempt.c
        wanted = sa.select(attempt.n).where(attempt.number == number, attempt.ended_at.is_(None))
        return bool(await self._all(wanted.limit(1)))
