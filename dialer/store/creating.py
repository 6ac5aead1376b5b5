"""New callbacks within limits: counting and creating in one transaction."""

from collections.abc import Sequence

import sqlalchemy as sa

from dialer.store import schema, transaction
from dialer.store.errors import LimitReached
from dialer.store.filter import Limit, conditions
from dialer.store.operation import Create
from dialer.store.transaction import Outcome


def create_within(connection: sa.Connection, create: Create, limits: Sequence[Limit]) -> Outcome:
    """Create a callback unless a limit is reached; the caller commits.

    Creations of one service go one after the other: SQLite's transactions always do, PostgreSQL's by an advisory lock.
    """
    if connection.dialect.name == "postgresql":
        lock = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:service, 0))")
        connection.execute(lock, {"service": create.fields["service"]})
    for limit in limits:
        counting = sa.select(sa.func.count()).select_from(schema.callback).where(*conditions(limit.wanted))
        count = int(connection.scalar(counting) or 0)
        if count >= limit.at_most:
            return Outcome(refusal=LimitReached(limit, count))
    return transaction.run(connection, [create])[0]
