"""The store's half for pausing services: one row a service, read by all nodes."""

from dataclasses import asdict, replace

import sqlalchemy as sa

from dialer.callback.pause import PauseSwitch
from dialer.store import schema
from dialer.store.insertion import put
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
        await self._writer.run(lambda connection: put(connection, service_pause, values))

    async def pause_switches(self) -> list[PauseSwitch]:
        """What was said last of every service of which anything was ever said."""
        columns = [service_pause.c[name] for name in _FIELDS]
        return [PauseSwitch(**dict(zip(_FIELDS, row, strict=True))) for row in await self._all(sa.select(*columns))]
