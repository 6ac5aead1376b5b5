"""The store's half for interactions: foreign ones, which are only kept, and what clients add to those of callbacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from dialer.store import schema
from dialer.store.errors import DuplicateCallback
from dialer.store.insertion import add_new
from dialer.store.reader import Reader
from dialer.store.writer import Writer

interaction = sa.Table(
    "interaction",
    schema.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("callback_id", sa.ForeignKey("callback.id", ondelete="CASCADE"), index=True),
    sa.Column("parent_id", sa.Text, index=True),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInteraction:
    """One stored interaction (records section 5).

    Attributes:
        callback_id: set when it holds what clients added to a callback's own interaction; None for a foreign one.
        parent_id: predecessor, free of any check.
        data: the fields as they were given.
    """

    id: str
    created_at: datetime
    callback_id: str | None = None
    parent_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class InteractionStore(Reader):
    """Interactions beside the callbacks."""

    _writer: Writer

    async def add_interaction(self, kept: KeptInteraction) -> None:
        """Keep a foreign interaction.

        Raises:
            DuplicateCallback: when there is one with this id.
        """
        if not await self._writer.run(lambda connection: _insert(connection, kept)):
            raise DuplicateCallback(kept.id)

    async def merge_interaction(self, kept: KeptInteraction) -> KeptInteraction:
        """Lay fields over those that are kept with this id, or keep them as its first; gives the whole."""

        def merge(connection: sa.Connection) -> KeptInteraction:
            if _insert(connection, kept):
                return kept
            merged = _of(connection.execute(_select(interaction.c.id == kept.id).with_for_update()).one())
            data = {**merged.data, **kept.data}
            connection.execute(sa.update(interaction).where(interaction.c.id == kept.id).values(data=data))
            return KeptInteraction(
                id=kept.id, created_at=merged.created_at, callback_id=merged.callback_id,
                parent_id=merged.parent_id, data=data,
            )  # fmt: skip

        return await self._writer.run(merge)

    async def interaction(self, interaction_id: str) -> KeptInteraction | None:
        """What is kept with this id."""
        found = await self._all(_select(interaction.c.id == interaction_id))
        return _of(found[0]) if found else None

    async def interactions_of(self, parent_id: str) -> list[KeptInteraction]:
        """Those that name this one as their predecessor, oldest first."""
        wanted = _select(interaction.c.parent_id == parent_id).order_by(interaction.c.created_at, interaction.c.id)
        return [_of(row) for row in await self._all(wanted.limit(1000))]

    async def callback_by_uuid(self, text: str) -> str | None:
        """Id of the callback whose interaction has this id: the part of its own after the service's number."""
        numbers = await self._all(sa.select(schema.service.c.number))
        wanted = schema.callback.c.id.in_([f"{row[0]}-{text}" for row in numbers])
        found = await self._all(sa.select(schema.callback.c.id).where(wanted).limit(1))
        return str(found[0][0]) if found else None


def _select(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    c = interaction.c
    return sa.select(c.id, c.created_at, c.callback_id, c.parent_id, c.data).where(condition)


def _of(row: Any) -> KeptInteraction:
    names = ("id", "created_at", "callback_id", "parent_id", "data")
    return KeptInteraction(**dict(zip(names, row, strict=True)))


def _insert(connection: sa.Connection, kept: KeptInteraction) -> bool:
    """False when the id is taken."""
    values = {
        "id": kept.id,
        "callback_id": kept.callback_id,
        "parent_id": kept.parent_id,
        "created_at": schema.to_ms(kept.created_at),
        "data": dict(kept.data),
    }
    return add_new(connection, interaction, values)
