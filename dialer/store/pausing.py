"""The store's half for pausing services: one row a service, read by all nodes."""

from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.callback.pause import PauseSwitch
from dialer.store import schema
from dialer.store.reader import Reader
from dialer.store.writer import Writer

service_pause = sa.Table(
    "service_pause",
    schema.metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("abort_dials", sa.Boolean, nullable=False),
    sa.Column("at", schema.Instant, nullable=False),
    sa.Column("user", sa.Text),
)

_FIELDS = tuple(PauseSwitch.__dataclass_fields__)


class PauseStore(Reader):
    """Which services operators have paused or resumed."""

    _writer: Writer

    async def switch_pause(self, switch: PauseSwitch) -> None:
        """Keep what an operator says now; it replaces what was said before."""
        values = asdict(replace(switch, at=schema.to_ms(switch.at)))
        await self._writer.run(lambda connection: _put(connection, values))

    async def pause_switches(self) -> list[PauseSwitch]:
        """What was said last of every service of which anything was ever said."""
        columns = [service_pause.c[name] for name in _FIELDS]
        return [PauseSwitch(**dict(zip(_FIELDS, row, strict=True))) for row in await self._all(sa.select(*columns))]


def _put(connection: sa.Connection, values: dict[str, Any]) -> None:
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(service_pause).values(values)
    fresh = {name: statement.excluded[name] for name in values if name != "service"}
    connection.execute(statement.on_conflict_do_update(index_elements=["service"], set_=fresh))
